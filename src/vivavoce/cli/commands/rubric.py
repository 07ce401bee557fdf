"""`viva rubric`: from a question to a rubric that people have read."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, cast, get_args

import pydantic
import typer
from rich.markup import escape

from vivavoce.graders.judge.call_record import InMemoryVerdictCache
from vivavoce.graders.judge.rubric_draft import draft_rubric
from vivavoce.graders.models.embedder import build_embedder
from vivavoce.graders.signals.text_matcher import EmbeddingTextMatcher
from vivavoce.rubrics import Language, Question, Rubric, RubricError, content_hash, default_bank, load_rubric
from vivavoce.rubrics.errors import first_problem
from vivavoce.rubrics.formats import FORMATS, format_of, losses, read_rubrics, to_yaml, write_rubrics
from vivavoce.rubrics.lint import lint
from vivavoce.rubrics.loader import BANK, read_text
from vivavoce.rubrics.names import question_identifier
from vivavoce.rubrics.templates import TEMPLATES, fill_template, unfilled
from vivavoce.rubrics.versions import read_ledger
from vivavoce.service.rubric_edits import apply_edit
from vivavoce.service.settings import Settings
from vivavoce.workers.panel_factory import coefficients, rubric_judge, served

from ..console import err, out
from ..errors import UserError
from ..resources import open_database

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Draft a rubric, check it, freeze it, bring it in and out."
)
_DRAFT = re.compile(r"^(\ufeff?)status:[ \t]*draft[ \t]*(?=\r?$)", re.MULTILINE)


@app.command("new")
def new_command(
    question: Annotated[str, typer.Argument(help="The question, in quotes.")],
    template: Annotated[str, typer.Option(help="knowledge, star or case.")] = "knowledge",
    language: Annotated[str, typer.Option(help="zh or en; by default that of the question.")] = "",
    identifier: Annotated[str, typer.Option("--id", help="Identifier; by default made of the question's words.")] = "",
    out_file: Annotated[Path | None, typer.Option("--out", help="Where it goes. Default: ID.draft.yaml.")] = None,
) -> None:
    """Begin a rubric from a template: a question of knowledge, of behaviour (STAR), or a case; no judge is asked."""
    asked = _new_question(question, language, identifier)
    if template not in TEMPLATES:
        raise UserError(f"There is no template '{template}': use one of {', '.join(TEMPLATES)}.")
    target = _free(out_file or Path(f"{asked.id}.draft.yaml"))
    target.write_text(fill_template(template, asked), encoding="utf-8")
    out.print(
        f"{target}: fill in what stands between ⟨ ⟩, then: viva rubric lint {target}; viva rubric freeze {target}",
        highlight=False,
        soft_wrap=True,
    )


@app.command("draft")
@app.command("compile", help="The same as 'viva rubric draft'.")
def draft_command(
    question: Annotated[str, typer.Argument(help="The question in quotes, or the identifier of one in the bank.")],
    language: Annotated[str, typer.Option(help="zh or en; by default that of the question.")] = "",
    identifier: Annotated[str, typer.Option("--id", help="Identifier; by default made of the question's words.")] = "",
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
    asked = _question(question, language, identifier)
    target = _free(out_file or Path(f"{asked.id}.draft.yaml"))
    key = reference.read_text(encoding="utf-8").strip() if reference else None
    with (
        err.status("Asking the judge …"),
        served(Settings()) as settings,
        rubric_judge(settings, InMemoryVerdictCache(), secret=b"") as judge,
    ):
        draft = draft_rubric(judge, asked, reference=key)
    target.write_text(to_yaml(draft), encoding="utf-8")
    out.print(
        f"{target}: {len(draft.criteria)} criteria. Read and mend it, then: viva rubric freeze {target}",
        highlight=False,
        soft_wrap=True,
    )


@app.command("lint")
def lint_command(
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Rubric files, or a bank (a folder with zh/ and en/). Default: ours.")
    ] = None,
) -> None:
    """Say what is wrong with rubrics beyond their form, with file and line; exit status 1 when anything is.

    One construct a criterion, observable wording, levels set apart, no overlap, nothing for length, points that sum
    to 10, references that earn them, no key in what candidates see; in a bank also both languages with one
    structure, qualification answers, and versions.
    """
    for path in paths or []:
        if not path.exists():
            raise UserError(f"{path} does not exist: check the path.")
    with err.status("Reading …"):
        findings = lint(paths or [BANK], EmbeddingTextMatcher(build_embedder(Settings().embedding_model)))
    for finding in findings:
        out.print(escape(str(finding)), highlight=False, soft_wrap=True)
    if findings:
        out.print(f"{len(findings)} findings", highlight=False)
        raise typer.Exit(1)
    out.print("clean", highlight=False)


@app.command("export")
def export_command(
    sources: Annotated[list[str], typer.Argument(help="Rubric files, or identifiers of questions of the bank.")],
    out_path: Annotated[
        Path, typer.Option("--out", help="A .yaml, .json, .md or (Canvas) .csv file, or a folder: see --format.")
    ],
    language: Annotated[str, typer.Option(help="Of questions of the bank: zh or en.")] = "en",
    kind: Annotated[str, typer.Option("--format", help="In a folder: yaml, json or md.")] = "yaml",
) -> None:
    """Write rubrics in another format, and say what it has no place for."""
    rubrics = [rubric for source in sources for rubric in _rubrics_of(source, language)]
    if out_path.suffix:
        _write(rubrics, {out_path: rubrics})
    else:
        out_path.mkdir(parents=True, exist_ok=True)
        names = {out_path / f"{rubric.question.id}.{kind}": [rubric] for rubric in rubrics}
        if len(names) < len(rubrics):
            raise UserError("Two of the rubrics have the same identifier: export them to different folders.")
        _write(rubrics, names)


@app.command("import")
def import_command(
    file: Annotated[Path, typer.Argument(help="A .yaml, .json, .md or (Canvas) .csv file.")],
    out_path: Annotated[
        Path | None, typer.Option("--out", help="File, or folder for several. Default: ID.yaml here.")
    ] = None,
    language: Annotated[str, typer.Option(help="Of a Canvas file: zh or en.")] = "en",
) -> None:
    """Make rubric files of another format; what comes from Canvas is a draft to complete and freeze."""
    found = read_rubrics(file, language=_language(language))
    ids = [rubric.question.id for rubric in found.rubrics]
    if len(set(ids)) < len(ids):
        raise UserError(f"{file} has two rubrics whose names come to the same identifier: rename one.")
    if out_path and out_path.suffix and len(ids) > 1:
        raise UserError(f"{file} has {len(ids)} rubrics: name a folder with --out, not a file.")
    folder = out_path if out_path and not out_path.suffix else Path()
    targets = [out_path if out_path and out_path.suffix else folder / f"{name}.yaml" for name in ids]
    folder.mkdir(parents=True, exist_ok=True)
    for target in targets:
        _free(target)
    for target, rubric in zip(targets, found.rubrics, strict=True):
        write_rubrics([rubric], target)
        out.print(f"{target}: {rubric.status}, {len(rubric.criteria)} criteria", highlight=False, soft_wrap=True)
    _tell("not kept", found.notices)
    for kind in sorted({format_of(target) for target in targets}):
        _tell("left out", losses(found.rubrics, kind))


@app.command()
def freeze(file: Annotated[Path, typer.Argument(help="A draft that a person has read.")]) -> None:
    """Make a draft a rubric that answers can be graded by; prints the hash that every report will carry."""
    rubric = load_rubric(file)
    if rubric.status == "frozen":
        raise UserError(f"{file} is frozen already: its content hash is {content_hash(rubric)}.")
    text = read_text(file)
    if left := unfilled(text):
        raise UserError(f"{file} still has {left[0]} of its template: write there what is meant.")
    frozen, count = _DRAFT.subn(r"\1status: frozen", text)
    if count != 1:
        raise UserError(
            f"{file} says that it is a draft in another way than 'status: draft' on its own line: change it."
        )
    # Beside it first: a draft that is not complete stays the draft it is.
    beside = file.with_name(f".{file.stem}.freezing{file.suffix}")
    try:
        beside.write_bytes(frozen.encode("utf-8"))
        found = load_rubric(beside)
        beside.replace(file)
    except RubricError as error:
        raise UserError(str(error).replace(str(beside), str(file))) from None
    finally:
        beside.unlink(missing_ok=True)
    out.print(f"{file} is frozen. Content hash: {content_hash(found)}", highlight=False, soft_wrap=True)


@app.command()
def check(files: Annotated[list[Path], typer.Argument(help="Rubric files.")]) -> None:
    """Say whether files describe rubrics, and what is wrong where they do not."""
    for file in files:
        rubric = load_rubric(file)
        out.print(
            f"{file}: {rubric.status}, {len(rubric.criteria)} criteria, {rubric.max_points:g} points, "
            f"content hash {content_hash(rubric)[:12]}",
            highlight=False,
            soft_wrap=True,
        )


@app.command("apply")
def apply_command(
    files: Annotated[list[Path] | None, typer.Argument(help="Edited rubric files. Default: the whole bank.")] = None,
    regrade: Annotated[
        bool, typer.Option("--regrade", help="Grade stale answers again, instead of flagging them.")
    ] = False,
) -> None:
    """Bring grades in the database up to edited rubrics.

    Other points, or a criterion taken out: recomputed by arithmetic, no judge asked. Other words, a new criterion:
    flagged `rubric_changed` and sent to a person, or graded again with --regrade. A file replaces every other version
    with its question and language, the bank only what it published itself.
    """
    settings = Settings()
    rubrics = [load_rubric(file) for file in files] if files else list(default_bank())
    # Somebody's own rubric may have a question of the bank: the bank replaces its own versions only.
    replacing = None if files else {version.content_hash for version in read_ledger(BANK)}
    found = []
    weighing = coefficients(settings)
    with open_database(settings) as database:
        for rubric in rubrics:
            with database.begin() as session:
                found += apply_edit(session, rubric, replacing=replacing, regrade=regrade, coefficients=weighing)
    for revision in found:
        counts = (
            f"{revision.recomputed} brought up to date, {revision.stale} flagged, "
            f"{revision.regraded} to be graded again"
        )
        out.print(f"{revision.question} ({revision.language}) from {revision.old_hash[:12]}: {counts}", highlight=False)
        for change in revision.edit.changes:
            out.print(f"  {change.effect.value}: {escape(change.what)}", highlight=False, soft_wrap=True)
    if not found:
        out.print("every grade is by the newest version of its rubric, or flagged already", highlight=False)


def _question(question: str, language: str, identifier: str) -> Question:
    """A question of the bank by its identifier, or a new one."""
    if re.fullmatch(r"[a-z0-9.-]+", question):
        return default_bank().get(question, _language(language or "en")).question
    return _new_question(question, language, identifier)


def _new_question(text: str, language: str, identifier: str) -> Question:
    spoken = language or ("zh" if re.search(r"[\u4e00-\u9fff]", text) else "en")
    given: dict[str, Any] = {
        "id": identifier or question_identifier(text),
        "text": text,
        "language": _language(spoken),
        "topic": "general",
        "difficulty": "intermediate",
        "minutes": 5,
    }
    try:
        return Question.model_validate(given)
    except pydantic.ValidationError as error:
        raise UserError(f"--id or question: {first_problem(error)[1]}.") from None


def _rubrics_of(source: str, language: str) -> list[Rubric]:
    path = Path(source)
    if path.exists() or path.suffix in FORMATS:
        found = read_rubrics(path, language=_language(language))
        _tell("not kept", found.notices)
        return list(found.rubrics)
    return [default_bank().get(source, _language(language))]


def _write(rubrics: Sequence[Rubric], targets: Mapping[Path, Sequence[Rubric]]) -> None:
    (kind,) = {format_of(_free(target)) for target in targets}
    for target, own in targets.items():
        write_rubrics(own, target)
    _tell("left out", losses(rubrics, kind))
    out.print(f"{len(rubrics)} rubrics: {', '.join(map(str, targets))}", highlight=False, soft_wrap=True)


def _tell(what: str, notices: Sequence[str]) -> None:
    for notice in notices:
        err.print(f"[yellow]{what}:[/yellow] {escape(notice)}", highlight=False, soft_wrap=True)


def _free(target: Path) -> Path:
    if target.exists():
        raise UserError(f"{target} exists: name another file with --out, or remove it.")
    return target


def _language(language: str) -> Language:
    if language in get_args(Language):
        return cast(Language, language)
    raise UserError(f"There is no language '{language}': use zh or en.")
