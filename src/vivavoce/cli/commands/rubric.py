"""`viva rubric`: from a question to a rubric that answers are graded by, and its edits."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

import pydantic
import typer
from rich.markup import escape

from vivavoce.graders.judge.call_record import InMemoryVerdictCache
from vivavoce.graders.judge.rubric_draft import draft_rubric
from vivavoce.graders.models.embedder import build_embedder
from vivavoce.graders.signals.text_matcher import EmbeddingTextMatcher
from vivavoce.rubrics import Question, Rubric, RubricError, content_hash, default_bank, load_rubric
from vivavoce.rubrics.formats import to_yaml
from vivavoce.rubrics.lint import lint
from vivavoce.rubrics.loader import BANK, read_text
from vivavoce.rubrics.names import question_identifier
from vivavoce.rubrics.problems import first_problem
from vivavoce.rubrics.templates import TEMPLATES, fill_template, unfilled
from vivavoce.rubrics.versions import read_ledger
from vivavoce.service.own_rubrics.edits import apply_edit
from vivavoce.service.settings import Settings
from vivavoce.tables import TableError, decode_text
from vivavoce.workers.panel_factory import build_rubric_judge, ensure_judge_server, load_coefficients

from ..errors import UserError, require_new_file
from ..output.console import err, out, parse_language, print_note
from ..resources import open_database
from .rubric_formats import export_rubrics, import_rubrics, print_traps

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Draft, check, freeze, import and export rubrics.")
_DRAFT = re.compile(r"^(\ufeff?)status:[ \t]*draft[ \t]*(?=\r?$)", re.MULTILINE)
LanguageOption = Annotated[str, typer.Option(help="zh or en; by default the language of the question.")]
IdOption = Annotated[str, typer.Option("--id", help="Identifier; by default made from the words of the question.")]
DraftOption = Annotated[Path | None, typer.Option("--out", help="File for the draft. Default: ID.draft.yaml.")]


@app.command("new")
def start_from_template(
    question: Annotated[str, typer.Argument(help="The question, in quotes.")],
    template: Annotated[str, typer.Option(help="knowledge, star or case.")] = "knowledge",
    language: LanguageOption = "",
    identifier: IdOption = "",
    out_file: DraftOption = None,
) -> None:
    """Write a draft from a template, without the judge: a knowledge, behaviour (STAR) or case question."""
    new_question = _build_question(question, language, identifier)
    if template not in TEMPLATES:
        raise UserError(f"There is no template '{template}': use one of {', '.join(TEMPLATES)}.")
    target = require_new_file(out_file or Path(f"{new_question.id}.draft.yaml"))
    target.write_text(fill_template(template, new_question), encoding="utf-8")
    out.print(
        f"{target}: replace the text between ⟨ ⟩, then: viva rubric lint {target}; viva rubric freeze {target}",
        highlight=False,
        soft_wrap=True,
    )


@app.command("draft")
@app.command("compile", help="The same as 'viva rubric draft'.")
def draft_with_judge(
    question: Annotated[str, typer.Argument(help="The question in quotes, or the identifier of one in the bank.")],
    language: LanguageOption = "",
    identifier: IdOption = "",
    reference: Annotated[
        Path | None, typer.Option(help="Text file with a full answer that the judge should follow.")
    ] = None,
    out_file: DraftOption = None,
) -> None:
    """Ask the judge what a full answer needs, and write a draft to edit.

    Nothing can be graded by a draft: read it, correct it, then run 'viva rubric freeze'.
    """
    chosen = _find_question(question, language, identifier)
    # Refused before the judge works for minutes.
    target = require_new_file(out_file or Path(f"{chosen.id}.draft.yaml"))
    reference_text = _read_reference(reference) if reference else None
    with (
        err.status("Asking the judge …"),
        ensure_judge_server(Settings()) as settings,
        build_rubric_judge(settings, InMemoryVerdictCache(), secret=b"") as judge,
    ):
        draft = draft_rubric(judge, chosen, reference=reference_text)
    target.write_text(to_yaml(draft), encoding="utf-8")
    out.print(
        f"{target}: {len(draft.criteria)} criteria. Read and correct it, then: viva rubric freeze {target}",
        highlight=False,
        soft_wrap=True,
    )


def _read_reference(file: Path) -> str:
    try:
        text, notice = decode_text(file.read_bytes())
    except TableError as error:
        raise UserError(f"{file} {error}") from None
    if notice:
        print_note(notice)
    if not text.strip():
        raise UserError(f"{file} is empty: write a full answer into it, or leave --reference out.")
    return text.strip()


@app.command("lint")
def lint_rubrics(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(help="Rubric files, or a bank (a folder with zh/ and en/). Default: the bank that ships."),
    ] = None,
) -> None:
    """Find weaknesses in rubrics, with file and line; exit status 1 if there are any.

    One construct per criterion, observable wording, distinct levels, no overlap, nothing for length, points that sum
    to 10, references that earn them, no answer key in what candidates see; in a bank also both languages with one
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
        out.print(f"{len(findings)} finding{'s' if len(findings) > 1 else ''}", highlight=False)
        raise typer.Exit(1)
    out.print("clean", highlight=False)


@app.command("check")
def check_files(files: Annotated[list[Path], typer.Argument(help="Rubric files.")]) -> None:
    """Check that files are valid rubrics, and say what is wrong in the first that is not."""
    for file in files:
        rubric = load_rubric(file)
        out.print(
            f"{file}: {rubric.status}, {len(rubric.criteria)} criteria, {rubric.max_points:g} points, "
            f"content hash {content_hash(rubric)[:12]}",
            highlight=False,
            soft_wrap=True,
        )
        print_traps(file)


@app.command("freeze")
def freeze_draft(file: Annotated[Path, typer.Argument(help="A draft that a person has read.")]) -> None:
    """Turn a draft into a rubric that answers can be graded by, and print its content hash."""
    rubric = load_rubric(file)
    if rubric.status == "frozen":
        raise UserError(f"{file} is frozen already: its content hash is {content_hash(rubric)}.")
    text = read_text(file)
    if placeholders := unfilled(text):
        raise UserError(f"{file} still has {placeholders[0]} from its template: replace it with your own text.")
    # The text is edited, not written anew: comments stay.
    frozen_text, count = _DRAFT.subn(r"\1status: frozen", text)
    if count != 1:
        raise UserError(f"{file} needs the line 'status: draft' exactly once, on a line of its own: change it.")
    frozen = _replace_if_valid(file, frozen_text)
    print_traps(file)
    out.print(f"{file} is frozen. Content hash: {content_hash(frozen)}", highlight=False, soft_wrap=True)


def _replace_if_valid(file: Path, text: str) -> Rubric:
    """Replace a rubric file by a text that is a valid rubric; else the file stays as it is. Raises UserError."""
    temporary = file.with_name(f".{file.stem}.freezing{file.suffix}")
    try:
        # Bytes, so that line ends stay as they are.
        temporary.write_bytes(text.encode("utf-8"))
        rubric = load_rubric(temporary)
        temporary.replace(file)
    except RubricError as error:
        raise UserError(str(error).replace(str(temporary), str(file))) from None
    finally:
        temporary.unlink(missing_ok=True)
    return rubric


@app.command("apply")
def apply_edits(
    files: Annotated[list[Path] | None, typer.Argument(help="Edited rubric files. Default: the whole bank.")] = None,
    regrade: Annotated[
        bool, typer.Option("--regrade", help="Grade stale answers again, instead of flagging them.")
    ] = False,
) -> None:
    """Update the grades in the database after edits of rubrics.

    Changed points and removed criteria: scores are recomputed without the judge. Changed wording and new criteria:
    grades are flagged `rubric_changed` and sent to a person, or graded again with --regrade. A file replaces all other
    versions of its question and language, the bank only versions that it published.
    """
    settings = Settings()
    rubrics = [load_rubric(file) for file in files] if files else list(default_bank())
    # A customer's own rubric may share a question with the bank.
    replacing = None if files else {version.content_hash for version in read_ledger(BANK)}
    coefficients = load_coefficients(settings)
    revisions = []
    with open_database(settings) as database:
        # A transaction per rubric: locks on gradings stay short.
        for rubric in rubrics:
            with database.begin() as session:
                revisions += apply_edit(
                    session, rubric, replacing=replacing, regrade=regrade, coefficients=coefficients
                )
    for revision in revisions:
        counts = f"{revision.recomputed} recomputed, {revision.stale} flagged, {revision.regraded} to be graded again"
        out.print(f"{revision.question} ({revision.language}) from {revision.old_hash[:12]}: {counts}", highlight=False)
        for change in revision.edit.changes:
            out.print(f"  {change.effect.value}: {escape(change.what)}", highlight=False, soft_wrap=True)
    if not revisions:
        out.print("every grade uses the newest version of its rubric, or is flagged already", highlight=False)


def _find_question(question: str, language: str, identifier: str) -> Question:
    """A question of the bank by its identifier, or a new one with this text."""
    if re.fullmatch(r"[a-z0-9.-]+", question):
        return default_bank().get(question, parse_language(language or "en")).question
    return _build_question(question, language, identifier)


def _build_question(text: str, language: str, identifier: str) -> Question:
    # One Chinese character suffices: English terms are common in Chinese.
    detected = language or ("zh" if re.search(r"[\u4e00-\u9fff]", text) else "en")
    values: dict[str, Any] = {
        "id": identifier or question_identifier(text),
        "text": text,
        "language": parse_language(detected),
        "topic": "general",
        "difficulty": "intermediate",
        "minutes": 5,
    }
    try:
        return Question.model_validate(values)
    except pydantic.ValidationError as error:
        raise UserError(f"--id or question: {first_problem(error, values, model=Question)[1]}.") from None


app.command("export")(export_rubrics)
app.command("import")(import_rubrics)
