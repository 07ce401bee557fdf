"""`viva replay`: recomputes a report from the recorded judge calls, without the judge."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Annotated, Any, cast

import typer
from rich.markup import escape

from vivavoce.graders import AnswerInput, Flag, Panel, grade
from vivavoce.graders.judge.call_record import CallRecord
from vivavoce.graders.judge.replay import ReplayJudge
from vivavoce.graders.models.embedder import build_embedder
from vivavoce.graders.panel import build_shipped_panel
from vivavoce.graders.report.stored import upgrade_document
from vivavoce.graders.scoring.confidence import ReviewPolicy
from vivavoce.graders.types import GraderIdentity
from vivavoce.rubrics import Language, Rubric
from vivavoce.service.gradings import lifecycle
from vivavoce.service.settings import Settings
from vivavoce.service.storage.engine import SessionFactory
from vivavoce.service.storage.verdicts import StoredVerdicts
from vivavoce.workers.panel_factory import load_coefficients

from ..errors import UserError
from ..output.console import out
from ..resources import open_database

app = typer.Typer(add_completion=False)

# Fields of the provenance that decide a score besides the verdicts.
_DECIDING = ("rubric_hash", "answer_hash", *(field.name for field in fields(GraderIdentity)))


@app.command()
def replay_command(
    grading_id: Annotated[str, typer.Argument(metavar="ID", help="Identifier of a grading.")],
    calls: Annotated[bool, typer.Option("--calls", help="Also print every prompt and raw reply.")] = False,
) -> None:
    """Recompute a grading from the recorded judge calls, without the judge.

    Exit status 1 if the result differs from the recorded report.
    """
    settings = Settings()
    with open_database(settings) as database:
        replay = replay_grading(grading_id, database, settings)
    if calls:
        for key, call in replay.calls.items():
            record = {"key": key, "request": call.request, "reply": call.reply, "model": call.identity.model}
            out.print_json(json.dumps(record, ensure_ascii=False))
    out.print(
        f"recorded {replay.recorded['score']}, recomputed from {len(replay.calls)} recorded judge calls: "
        f"{replay.derived['score']}",
        highlight=False,
    )
    for difference in replay.differences:
        out.print(f"[red]differs[/red] {escape(difference)}", highlight=False, soft_wrap=True)
    if replay.differences:
        raise typer.Exit(1)


@dataclass(frozen=True)
class Replay:
    """A report as recorded and as recomputed, both in wire form, with the calls that it rests on, by key."""

    recorded: Mapping[str, Any]
    derived: Mapping[str, Any]
    calls: Mapping[str, CallRecord]

    @property
    def differences(self) -> list[str]:
        """What differs, a phrase each; empty when the replay confirms the report."""
        return [*self._compare_figures(), *self._compare_criteria(), *self._compare_provenance()]

    def _compare_figures(self) -> Iterator[str]:
        for name in ("score", "score_min", "score_max", "coverage", "flags"):
            if _comparable(self.recorded[name]) != _comparable(self.derived[name]):
                yield f"{name}: recorded {self.recorded[name]}, now {self.derived[name]}"

    def _compare_criteria(self) -> Iterator[str]:
        for was, now in zip(self.recorded["criteria"], self.derived["criteria"], strict=True):
            if was["points"] != now["points"]:
                yield f"criterion {was['id']}: recorded {was['points']} points, now {now['points']}"

    def _compare_provenance(self) -> Iterator[str]:
        recorded, now = self.recorded["provenance"], self.derived["provenance"]
        for name in _DECIDING:
            # Older reports lack some fields, which cannot be compared.
            if recorded.get(name, now[name]) != now[name]:
                yield f"{name}: recorded {recorded[name]}, now {now[name]}"


def replay_grading(grading_id: str, sessions: SessionFactory, settings: Settings) -> Replay:
    """Recompute a grading's report from its recorded calls.

    Raises UserError when it has no report or is too old, RecordMissing when a call is not in the database.
    """
    with sessions() as session:
        grading = lifecycle.get(session, grading_id)
        if grading.report is None:
            raise UserError(f"Grading {grading_id} is {grading.state} and has no report yet: replay it when it has.")
        recorded = upgrade_document(grading.report.document)
        rubric = Rubric.model_validate(grading.rubric_version.document)
        language = grading.submission.feedback_language
        answer = AnswerInput(
            grading.submission.answer,
            cast(Language, language) if language else None,
            candidate=grading.submission.candidate,
        )
    # Reports without a quorum were written before calls were recorded.
    if "quorum" not in recorded["provenance"]:
        raise UserError(f"Grading {grading_id} is older than the record of judge calls: it cannot be replayed.")
    calls = StoredVerdicts(sessions).get_many(ReplayJudge.keys_in(recorded))
    (report,) = grade([answer], rubric, _build_panel(recorded, calls, settings))
    return Replay(recorded=recorded, derived=report.to_dict(), calls=calls)


def _build_panel(recorded: dict[str, Any], calls: Mapping[str, CallRecord], settings: Settings) -> Panel:
    """The panel that wrote a report, with a judge that answers from the record."""
    provenance = recorded["provenance"]
    return build_shipped_panel(
        embedder=build_embedder(provenance["embedding_model"]),
        judge=ReplayJudge(recorded, calls),
        coefficients=load_coefficients(settings),
        review=_read_policy(provenance, settings),
        # Older reports were written without the relevance filter.
        with_relevance=bool(provenance.get("relevance_revision")),
    )


def _read_policy(provenance: Mapping[str, Any], settings: Settings) -> ReviewPolicy:
    """The review policy that a report was written under, as far as it names one."""
    return ReviewPolicy(
        below=provenance.get("review_below", settings.review_below or 0.0),
        pass_mark=provenance.get("pass_mark"),
        pass_margin=provenance.get("pass_margin", 0.0),
        share=provenance.get("review_share"),
    )


def _comparable(value: Any) -> Any:
    """A figure as it is; flags as a set, without the one that only a later edit of the rubric adds."""
    return {str(flag) for flag in value} - {Flag.RUBRIC_CHANGED.value} if isinstance(value, list | tuple) else value
