"""The service as its image has it: without the packages that only grading needs."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

ROOT = Path(__file__).parents[2]
# Runs in a process of its own, as others have loaded those packages already.
_SCRIPT = """
import sys
from pathlib import Path

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {missing!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Missing())

from fastapi.testclient import TestClient
from vivavoce.rubrics import load_bank
from vivavoce.service.app import create_app, warm_up
from vivavoce.service.access.local_key import ensure_local_key
from vivavoce.service.notifier import EventNotifier
from vivavoce.service.settings import Settings
from vivavoce.service.storage.engine import connect, migrate, sessions
import vivavoce.cli.service_process

settings = Settings(state_dir=Path({folder!r}))
engine = connect(settings.database)
migrate(engine)
database = sessions(engine)
key = ensure_local_key(settings, database).read_text().strip()
app = create_app(
    settings, sessions=database, bank=load_bank(), notifier=EventNotifier(), judge_status=lambda: "ok"
)
warm_up(app)
api = TestClient(app, headers={{"Authorization": f"Bearer {{key}}"}})
assert api.post("/v1/gradings", json={{"question_id": "quantization", "answer": "INT8"}}).status_code == 202
cohort = api.post("/v1/cohorts", json={{"name": "c"}}).json()["id"]
table = "candidate,How does quantization speed up inference?\\nann,INT8 instead of FP16\\n"
reply = api.post(
    f"/v1/cohorts/{{cohort}}/files", params={{"name": "a.csv"}}, content=table, headers={{"Content-Type": "text/csv"}}
)
assert reply.status_code == 201, reply.text
assert api.post("/v1/exports", json={{"cohort_id": cohort, "format": "xlsx"}}).status_code == 202
assert api.get("/docs").status_code == 200
"""


def _list_packages_of_grading() -> set[str]:
    """The names under which the packages of the extra `grading` are imported."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = {_read_name(line) for line in project["optional-dependencies"]["grading"]}
    base = {_read_name(line) for line in project["dependencies"]}
    names = packages_distributions().items()
    return {name for name, owners in names if {_read_name(owner) for owner in owners} & (wanted - base)}


def _read_name(requirement: str) -> str:
    found = re.match(r"[\w.-]+", requirement)
    assert found
    return re.sub(r"[-_.]+", "-", found[0]).lower()


def test_the_api_needs_nothing_that_only_grading_needs(tmp_path: Path) -> None:
    missing = _list_packages_of_grading()
    assert {"torch", "transformers", "datasketch"} <= missing
    script = _SCRIPT.format(missing=missing, folder=str(tmp_path))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
