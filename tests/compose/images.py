"""The images: stand-ins for the public ones, made from Debian, and our own, built by our own Dockerfile on top."""

from __future__ import annotations

import functools
import hashlib
import re
import shutil
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import yaml

from .engine import CACHE, docker, run

ROOT = Path(__file__).parents[2]
STANDINS = Path(__file__).parent / "standins"
DOCKERFILE = ROOT / "deploy" / "docker" / "Dockerfile"
OURS = ("api", "backup", "grader")
# What other stages copy from: named and labelled too, so that one that is out of date can be told and removed.
_STAGES = ("api-needs", "grader-needs", "wheel")
_LABEL = "vivavoce.test.made-from"
_SUITE = "bookworm"
# Always the same where it is free: a layer that was built from another address counts as out of date.
_WHEELS_PORT = 18765
# What compose needs before it can start; the rest of the file's images cannot be had here.
_STANDIN_OF = {
    "python": "python",
    "redis": "redis",
    "postgres": "postgres",
    "nginx": "nginx",
    "prom/prometheus": "prometheus",
}


def public_images() -> dict[str, str]:
    """The public images that compose file and Dockerfile name, by their stand-in."""
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"].values()
    named = {service["image"] for service in services}
    named |= set(re.findall(r"^ARG PYTHON_IMAGE=(\S+)$", DOCKERFILE.read_text(encoding="utf-8"), re.MULTILINE))
    return {
        standin: image for image in named for name, standin in _STANDIN_OF.items() if image.partition(":")[0] == name
    }


def make_standins() -> None:
    """Every stand-in under its public image's name; one that is there and unchanged stays."""
    base = f"vivavoce-standin/debian:{_SUITE}"
    if not _is_there(base, "debootstrap"):
        with tempfile.TemporaryDirectory(prefix="vivavoce-debian-") as folder:
            run("debootstrap", "--variant=minbase", _SUITE, folder)
            archive = Path(folder).with_suffix(".tar")
            try:
                run("tar", "--create", "--file", archive, "--directory", folder, ".")
                docker("import", "--change", f"LABEL {_LABEL}=debootstrap", archive, base)
            finally:
                archive.unlink(missing_ok=True)
    for standin, image in public_images().items():
        folder = STANDINS / standin
        files = sorted(folder.iterdir()) if folder.is_dir() else [STANDINS / f"{standin}.Dockerfile"]
        digest = _hash(files, base)
        if not _is_there(image, digest):
            context = folder if folder.is_dir() else STANDINS
            dockerfile = context / ("Dockerfile" if folder.is_dir() else f"{standin}.Dockerfile")
            _build(context, dockerfile, image, digest, BASE=base)


def make_ours(version: str) -> None:
    """Our images of a version, from the working tree; what they need comes from wheels that pip fetched here."""
    wheels = _wheels()
    sources = [
        path for name in ("src", "service", "graders", "rubrics", "workers") for path in (ROOT / name).rglob("*")
    ]
    files = [DOCKERFILE, *sorted(path for path in sources if path.is_file() and path.suffix != ".pyc")]
    digest = _hash([*files, *sorted((ROOT / "deploy" / "docker").iterdir())], wheels.name)
    if all(_is_there(f"vivavoce-{target}:{version}", digest) for target in OURS):
        return
    with _served(wheels) as url:
        for target in (*_STAGES, *OURS):
            _build(
                ROOT,
                DOCKERFILE,
                f"vivavoce-{target}:{version}",
                digest,
                "--target",
                target,
                PIP_NO_INDEX="1",
                PIP_FIND_LINKS=url,
            )


def tag_as(version: str, new: str, *lines: str) -> None:
    """Our images of another version, which are those of `version` and some lines of a Dockerfile."""
    for target in OURS:
        text = "\n".join([f"FROM vivavoce-{target}:{version}", f"LABEL vivavoce.test.version={new}", *lines])
        docker("build", "--quiet", "--tag", f"vivavoce-{target}:{new}", "-", stdin=text + "\n")


def remove_old(version: str) -> None:
    """Removes what earlier runs built and this one has no use for: each would keep some gigabytes."""
    tags = docker("image", "ls", "--filter", f"label={_LABEL}", "--format", "{{.Repository}}:{{.Tag}}").split()
    ours = {f"vivavoce-{target}" for target in OURS}
    for tag in tags:
        name, _, tagged = tag.rpartition(":")
        if name in ours and tagged not in (version, "<none>"):
            # One that a container of an interrupted run still uses stays for now.
            docker("image", "rm", tag, quiet=True)
    docker("image", "prune", "--force", "--filter", f"label={_LABEL}")


def _wheels() -> Path:
    """A folder with a wheel of everything that our images install."""
    wanted = [ROOT / "pyproject.toml", ROOT / "constraints.txt"]
    folder = CACHE / f"wheels-{_hash(wanted)[:16]}"
    if not folder.is_dir():
        incoming = folder.with_suffix(".incoming")
        needs = run(sys.executable, ROOT / "deploy" / "docker" / "requirements", "postgres", "grading", cwd=ROOT)
        run(
            *(sys.executable, "-m", "pip", "wheel", "--quiet", "--wheel-dir", incoming),
            *("--constraint", ROOT / "constraints.txt", *needs.splitlines(), "setuptools>=77", "wheel"),
            # redis asks for it where Python is as old as Debian's.
            "async-timeout>=4.0.3",
        )
        for old in set(CACHE.glob("wheels-*")) - {incoming}:
            shutil.rmtree(old)
        incoming.rename(folder)
    return folder


@contextmanager
def _served(folder: Path) -> Iterator[str]:
    """The folder's address on this machine's loopback, where a build with the host's network finds it."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            pass

    handler = functools.partial(Quiet, directory=str(folder))
    try:
        server = ThreadingHTTPServer(("127.0.0.1", _WHEELS_PORT), handler)
    except OSError:
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()


def _build(context: Path, dockerfile: Path, tag: str, digest: str, *options: str, **arguments: str) -> None:
    given = [part for name, value in arguments.items() for part in ("--build-arg", f"{name}={value}")]
    print(f"… building {tag}", file=sys.stderr, flush=True)
    docker(
        *("build", "--quiet", "--force-rm", "--network", "host", "--file", dockerfile, "--tag", tag),
        *("--label", f"{_LABEL}={digest}", *given, *options, context),
        seconds=1800,
    )


def _is_there(image: str, digest: str) -> bool:
    found = docker("image", "inspect", "--format", f'{{{{index .Config.Labels "{_LABEL}"}}}}', image, quiet=True)
    return found.strip() == digest


def _hash(files: list[Path], *more: str) -> str:
    digest = hashlib.sha256("\0".join(more).encode())
    for file in files:
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()
