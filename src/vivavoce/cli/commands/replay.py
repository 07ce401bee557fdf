"""`viva replay`: a report's score derived again from the record of the judge's calls, without the judge."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Annotated, Any, cast

import typer
from rich.markup import escape

from vivavoce.graders import AnswerInput, Flag, grade
from vivavoce.graders.judge.call_record import CallRecord
from vivavoce.graders.judge.replay import ReplayJudge
from vivavoce.graders.models.embedder import build_embedder
from vivavoce.graders.panel import build_shipped_panel
from vivavoce.graders.report.stored import upgrade_document
from vivavoce.graders.scoring.confidence import ReviewPolicy
from vivavoce.graders.types import GraderIdentity
from vivavoce.rubrics import Language, Rubric
from vivavoce.service import lifecycle
from vivavoce.service.settings import Settings
from vivavoce.service.storage.engine import SessionFactory
from vivavoce.service.storage.verdicts import StoredVerdicts
from vivavoce.workers.panel_factory import coefficients

from ..console import out
from ..errors import UserError
from ..resources import open_database

app = typer.Typer(add_completion=False)

# What decides a score beside the verdicts.
_DECIDING = ("rubric_hash", "answer_hash", *(field.name for field in fields(GraderIdentity)))


@app.command()
def replay_command(
    grading_id: Annotated[str, typer.Argument(metavar="ID", help="Identifier of a grading.")],
    calls: Annotated[bool, typer.Option("--calls", help="Print every prompt and raw reply, too.")] = False,
) -> None:
    """Derive a grading's score again from the record, without the judge; exit status 1 when it differs."""
    settings = Settings()
    with open_database(settings) as database:
        found = replay(grading_id, database, settings)
    if calls:
        for key, call in found.calls.items():
            record = {"key": key, "request": call.request, "reply": call.reply, "model": call.identity.model}
            out.print_json(json.dumps(record, ensure_ascii=False))
    out.print(
        f"recorded {found.recorded['score']}, derived from {len(found.calls)} recorded judge calls: "
        f"{found.derived['score']}",
        highlight=False,
    )
    for difference in found.differences:
        out.print(f"[red]differs[/red] {escape(difference)}", highlight=False, soft_wrap=True)
    if found.differences:
        raise typer.Exit(1)


@dataclass(frozen=True)
class Replay:
    """A report as it was recorded and as it comes out again, with the calls it rests on."""

    recorded: Mapping[str, Any]
    derived: Mapping[str, Any]
    calls: Mapping[str, CallRecord]

    @property
    def differences(self) -> list[str]:
        """What is not the same, in words; empty when the replay confirms the report."""
        found = [
            f"{name}: recorded {self.recorded[name]}, now {self.derived[name]}"
            for name in ("score", "score_min", "score_max", "coverage", "flags")
            if _said(self.recorded[name]) != _said(self.derived[name])
        ]
        found += [
            f"criterion {was['id']}: recorded {was['points']} points, now {comes['points']}"
            for was, comes in zip(self.recorded["criteria"], self.derived["criteria"], strict=True)
            if was["points"] != comes["points"]
        ]
        source, now = self.recorded["provenance"], self.derived["provenance"]
        found += [
            f"{name}: recorded {source[name]}, now {now[name]}"
            for name in _DECIDING
            # Of what a report does not tell, for it is older, nothing can be said.
            if source.get(name, now[name]) != now[name]
        ]
        return found


def replay(grading_id: str, sessions: SessionFactory, settings: Settings) -> Replay:
    """Derive a grading's report again; raises UserError when it has none, RecordMissing when a call is gone."""
    with sessions() as session:
        grading = lifecycle.get(session, grading_id)
        if grading.report is None:
            raise UserError(f"Grading {grading_id} is {grading.state} and has no report yet: replay it when it has.")
        recorded = upgrade_document(grading.report.document)
        rubric = Rubric.model_validate(grading.rubric_version.document)
        language = grading.submission.feedback_language
        answer = AnswerInput(grading.submission.answer, cast(Language, language) if language else None)
    if "quorum" not in recorded["provenance"]:
        raise UserError(f"Grading {grading_id} is older than the record of judge calls: it cannot be replayed.")
    calls = StoredVerdicts(sessions).get_many(ReplayJudge.keys_in(recorded))
    embedder = build_embedder(recorded["provenance"]["embedding_model"])
    # A report from before the filter was made without it.
    has_filter = bool(recorded["provenance"].get("relevance_revision"))
    panel = build_shipped_panel(
        embedder=embedder,
        judge=ReplayJudge(recorded, calls),
        coefficients=coefficients(settings),
        review=_policy(recorded["provenance"], settings),
        with_relevance=has_filter,
    )
    (report,) = grade([answer], rubric, panel)
    return Replay(recorded=recorded, derived=report.to_dict(), calls=calls)


def _policy(source: Mapping[str, Any], settings: Settings) -> ReviewPolicy:
    """The policy that a report was written under, as far as it says."""
    return ReviewPolicy(
        below=source.get("review_below", settings.review_below or 0.0),
        pass_mark=source.get("pass_mark"),
        pass_margin=source.get("pass_margin", 0.0),
        share=source.get("review_share"),
    )


def _said(value: Any) -> Any:
    """A figure, or flags in any order without what only a later edit of the rubric says."""
    return {str(flag) for flag in value} - {Flag.RUBRIC_CHANGED.value} if isinstance(value, list | tuple) else value
