"""`viva rubric`: from a question to a rubric that people have read."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

import pydantic
import typer
import yaml
from rich.console import Console

from vivavoce.rubrics import Question, Rubric, content_hash, default_bank, load_rubric
from vivavoce.service.settings import Settings

from .errors import UserError

app = typer.Typer(no_args_is_help=True, help="Draft a rubric, check it, freeze it.")
_out = Console(width=None if Console().is_terminal else 160)
_err = Console(stderr=True)
_DRAFT = re.compile(r"^status:\s*draft\s*$", re.MULTILINE)


@app.command("compile")
def compile_command(
    question: Annotated[str, typer.Argument(help="Identifier of a question of the bank, or its text in quotes.")],
    language: Annotated[str, typer.Option(help="zh or en.")] = "en",
    identifier: Annotated[str, typer.Option("--id", help="Identifier of a new question.")] = "",
    reference: Annotated[
        Path | None, typer.Option(help="Text file with a full answer, for the judge to go by.")
    ] = None,
    out_file: Annotated[
        Path | None, typer.Option("--out", help="Where the draft goes. Default: ID.draft.yaml.")
    ] = None,
) -> None:
    """Ask the judge what a full answer needs, before anybody answers, and write a draft to edit.

    Nothing is graded by a draft: read it, mend it, then 'viva rubric freeze' it.
    """
    from vivavoce.graders.judge.drafting import draft_rubric
    from vivavoce.graders.judge.record import InMemoryVerdictCache
    from vivavoce.workers.runtime import rubric_judge, served

    asked = _question(question, language, identifier)
    target = out_file or Path(f"{asked.id}.draft.yaml")
    if target.exists():
        raise UserError(f"{target} exists: name another file with --out, or remove it.")
    key = reference.read_text(encoding="utf-8").strip() if reference else None
    with (
        _err.status("Asking the judge …"),
        served(Settings()) as settings,
        rubric_judge(settings, InMemoryVerdictCache(), secret=b"") as judge,
    ):
        draft = draft_rubric(judge, asked, reference=key)
    target.write_text(_as_yaml(draft), encoding="utf-8")
    _out.print(
        f"{target}: {len(draft.criteria)} criteria. Read and mend it, then: viva rubric freeze {target}",
        highlight=False,
        soft_wrap=True,
    )


@app.command()
def freeze(file: Annotated[Path, typer.Argument(help="A draft that a person has read.")]) -> None:
    """Make a draft a rubric that answers can be graded by; prints the hash that every report will carry."""
    rubric = load_rubric(file)
    if rubric.status == "frozen":
        raise UserError(f"{file} is frozen already: its content hash is {content_hash(rubric)}.")
    text = file.read_text(encoding="utf-8")
    frozen, count = _DRAFT.subn("status: frozen", text)
    if count != 1:
        raise UserError(
            f"{file} says that it is a draft in another way than 'status: draft' on its own line: change it."
        )
    file.write_text(frozen, encoding="utf-8")
    _out.print(f"{file} is frozen. Content hash: {content_hash(load_rubric(file))}", highlight=False, soft_wrap=True)


@app.command()
def check(files: Annotated[list[Path], typer.Argument(help="Rubric files.")]) -> None:
    """Say whether files describe rubrics, and what is wrong where they do not."""
    for file in files:
        rubric = load_rubric(file)
        _out.print(
            f"{file}: {rubric.status}, {len(rubric.criteria)} criteria, {rubric.max_points:g} points, "
            f"content hash {content_hash(rubric)[:12]}",
            highlight=False,
            soft_wrap=True,
        )


def _question(question: str, language: str, identifier: str) -> Question:
    if language not in ("zh", "en"):
        raise UserError(f"There is no language '{language}': use zh or en.")
    if re.fullmatch(r"[a-z0-9.-]+", question):
        return default_bank().get(question, "zh" if language == "zh" else "en").question
    if not identifier:
        raise UserError("A new question needs an identifier: give one with --id, such as --id vector-index.")
    given: dict[str, Any] = {
        "id": identifier,
        "text": question,
        "language": language,
        "topic": "general",
        "difficulty": "intermediate",
        "minutes": 5,
    }
    try:
        return Question.model_validate(given)
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        raise UserError(f"--id or question: {first['loc'][0]}: {first['msg']}.") from None


def _as_yaml(rubric: Rubric) -> str:
    document = rubric.model_dump(mode="json", exclude_defaults=True)
    document = {"status": "draft", **{name: value for name, value in document.items() if name != "status"}}
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=110)
