"""What callers, records and other machines rely on: a change of any of it has to be meant.

After a change that is meant, write the new values with `WRITE_UNCHANGED=1 pytest tests/test_unchanged.py`.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import yaml

from vivavoce.cli.main import build_app
from vivavoce.graders.judge.prompt import load_template
from vivavoce.graders.models.embedder import NANO_E5, build_embedder
from vivavoce.graders.models.model_files import DEFAULT_JUDGE, SMALL_JUDGE
from vivavoce.graders.panel import build_shipped_panel
from vivavoce.graders.testing import ScriptedJudge
from vivavoce.rubrics import default_bank
from vivavoce.service.app import create_app
from vivavoce.service.notifier import SilentNotifier
from vivavoce.service.settings import Settings
from vivavoce.service.storage.engine import connect, sessions

from .command_line import call_viva

FILE = Path(__file__).parent / "data" / "unchanged.yaml"


def _hash(value: object) -> str:
    return hashlib.sha256(json.dumps(value, ensure_ascii=False, sort_keys=True).encode("utf-8")).hexdigest()[:16]


def describe_models() -> dict[str, str]:
    panel = build_shipped_panel(embedder=build_embedder(NANO_E5), judge=ScriptedJudge())
    identity = panel.identity(default_bank().get("quantization", "en"))
    return {
        "embedder": identity.embedding_revision,
        "verifier": identity.verifier_revision,
        "relevance": identity.relevance_revision,
        "screening": identity.screening_revision,
        "combiner": identity.combiner_version,
        "judge": DEFAULT_JUDGE.sha256,
        "small judge": SMALL_JUDGE.sha256,
    }


def describe_prompts() -> dict[str, str]:
    return {
        f"{mode} {language}": load_template(language, mode).hash
        for mode in ("fast", "explained")
        for language in ("en", "zh")
    }


def describe_openapi() -> str:
    settings = Settings(state_dir=Path("/nowhere"))
    app = create_app(
        settings,
        sessions=sessions(connect("sqlite://")),
        bank=default_bank(),
        notifier=SilentNotifier(),
        judge_status=lambda: "ok",
    )
    return _hash(app.openapi())


def describe_commands() -> dict[str, str]:
    described: dict[str, str] = {}

    terminal = {"COLUMNS": "100", "TERM": "dumb", "NO_COLOR": "1"}

    def visit(command: Any, names: tuple[str, ...]) -> None:
        told = call_viva(*names, "--help", environment=terminal)
        assert told.returncode == 0
        described[" ".join(("viva", *names))] = _hash(told.stdout)
        for child, subcommand in getattr(command, "commands", {}).items():
            visit(getattr(subcommand, "loaded", subcommand), (*names, child))

    visit(build_app(), ())
    return described


def describe() -> dict[str, object]:
    return {
        "models": describe_models(),
        "prompts": describe_prompts(),
        "openapi": describe_openapi(),
        "commands": describe_commands(),
    }


def test_models_prompts_api_and_commands_are_what_they_were() -> None:
    described = describe()
    if os.environ.get("WRITE_UNCHANGED"):
        FILE.write_text(yaml.safe_dump(described, sort_keys=False, allow_unicode=True), encoding="utf-8")
    assert described == yaml.safe_load(FILE.read_text(encoding="utf-8"))
