"""Taking an answer in over HTTP: one statement reads all that decides it, one stores it, in one transaction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from sqlalchemy.orm import Session

from vivavoce.graders.reading.normal_text import detect_language
from vivavoce.rubrics import Bank, Language, Rubric

from ..access.caller import Caller
from ..access.keys import check_validity
from ..api.schemas.gradings.lifecycle import GradingCreate, GradingPublic
from ..errors import InvalidKey
from ..own_rubrics.choice import ChosenRubric, choose_rubric
from ..storage import clock
from ..storage.engine import SessionFactory
from ..storage.repositories import AcceptanceRepository, GradingRepository, NewGrading
from ..storage.repositories.acceptance import Standing, add_at_once
from ..storage.tables import State
from . import lifecycle, submission


@dataclass(frozen=True)
class Arrival:
    """An answer that came in a request, and the id that its grading gets."""

    body: GradingCreate
    caller: Caller
    grading_id: str
    request_id: str | None = None
    trace_parent: str | None = None


def accept_at_once(sessions: SessionFactory, bank: Bank, arrival: Arrival) -> GradingPublic | None:
    """Stores an answer to a question of the bank with one statement, and returns its grading.

    Returns None, and stores nothing, wherever more has to be looked at: `accept_answer` then does that and says what is
    wrong. Raises what the database raises; it may have stored the answer then.
    """
    body = arrival.body
    question_id, language = _name_rubric(bank, body)
    content_hash = bank.get_content_hash(question_id, language)
    if not sessions.is_shared or content_hash is None or body.rubric is not None or body.rubric_id is not None:
        return None
    chosen = ChosenRubric(bank.get(question_id, language), "bank")
    submission.check_rubric(chosen.rubric)
    new = submission.build_rows(_build_answer(arrival, chosen), version_id=None)
    is_stored = add_at_once(
        sessions,
        new,
        organisation_id=arrival.caller.organisation_id,
        key_id=arrival.caller.key_id,
        question_id=question_id,
        language=language,
        content_hash=content_hash,
    )
    return _show(new, chosen.rubric, content_hash) if is_stored else None


def accept_answer(session: Session, bank: Bank, arrival: Arrival, *, is_retry: bool = False) -> GradingPublic:
    """Stores an answer with its grading and returns that; `is_retry` says that an earlier try may have stored it.

    The caller's key is read again, in the transaction, as it may have been remembered. Raises InvalidKey, and what
    `choose_rubric` and `submission.check_rubric` raise.
    """
    body, organisation_id = arrival.body, arrival.caller.organisation_id
    if is_retry and GradingRepository(session).has_grading(arrival.grading_id):
        return GradingPublic.from_grading(lifecycle.get(session, arrival.grading_id, organisation_id=organisation_id))
    question_id, language = _name_rubric(bank, body)
    standing = _check_caller(session, arrival.caller, question_id, language, bank)
    names_more = body.rubric is not None or body.rubric_id is not None
    if names_more or standing.own_rubric_id or standing.version_id is None:
        chosen = choose_rubric(session, bank, body)
        submission.check_rubric(chosen.rubric)
        row = submission.rubric_version(session, chosen.rubric, organisation_id=organisation_id)
        version_id, rubric_hash = row.id, str(row.content_hash)
    else:
        chosen = ChosenRubric(bank.get(question_id, language), "bank")
        submission.check_rubric(chosen.rubric)
        version_id, rubric_hash = standing.version_id, bank.get_content_hash(question_id, language) or ""
    new = _build_answer(arrival, chosen)
    stored = submission.store_answer(session, new, version_id=version_id, organisation_id=organisation_id)
    return _show(stored, chosen.rubric, rubric_hash)


def _name_rubric(bank: Bank, body: GradingCreate) -> tuple[str, Language]:
    """Returns the question of a request, empty if it names none, and the language to grade in."""
    language = cast(Language, body.language or detect_language(body.answer))
    return bank.find_id(body.question_id or "") or "", language


def _check_caller(session: Session, caller: Caller, question_id: str, language: Language, bank: Bank) -> Standing:
    standing = AcceptanceRepository(session, caller.organisation_id).read_standing(
        caller.key_id,
        question_id=question_id,
        language=language,
        content_hash=bank.get_content_hash(question_id, language) or "",
    )
    if standing is None:
        raise InvalidKey(f"The key {caller.key_id} exists no more: ask an administrator for another.")
    check_validity(caller.key_id, revoked_at=standing.revoked_at, expires_at=standing.expires_at, moment=clock.now())
    return standing


def _build_answer(arrival: Arrival, chosen: ChosenRubric) -> submission.NewAnswer:
    body = arrival.body
    return submission.NewAnswer(
        id=arrival.grading_id,
        rubric=chosen.rubric,
        rubric_source=chosen.source,
        answer=body.answer,
        candidate=body.candidate,
        metadata=body.metadata,
        feedback_language=body.feedback_language,
        priority=lifecycle.BATCH if body.priority == "batch" else lifecycle.INTERACTIVE,
        request_id=arrival.request_id,
        trace_parent=arrival.trace_parent,
    )


def _show(stored: NewGrading, rubric: Rubric, rubric_hash: str) -> GradingPublic:
    return GradingPublic(
        id=stored.id,
        state=State.QUEUED,
        question_id=rubric.question.id,
        language=rubric.question.language,
        source=stored.rubric_source,
        rubric_hash=rubric_hash,
        candidate=stored.candidate,
        attempt=0,
        reason=None,
        detail=None,
        created_at=stored.created_at,
        updated_at=stored.created_at,
        report=None,
        submission_id=stored.submission_id,
        metadata=stored.caller_metadata,
    )
