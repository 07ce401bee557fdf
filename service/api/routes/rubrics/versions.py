"""Routes for an organisation's own rubrics: drafts, their edits, and their way to frozen and retired versions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Annotated, Any, Literal, TypeVar

from fastapi import APIRouter, Depends, Query, Response
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from sqlalchemy.orm import Session

from vivavoce.rubrics import Bank, Rubric

from ....access.caller import Caller
from ....access.scopes import Scope
from ....errors import MissingScope, UnusableRequest
from ....lookup import get_own
from ....own_rubrics import copies, versions
from ....own_rubrics.documents import read_draft
from ....storage.engine import SessionFactory
from ....storage.repositories import StoredRubricRepository
from ....storage.tables import RubricStatus, StoredRubric, new_id
from ...authorization import CallerDep, OwnSessionsDep
from ...dependencies import BankDep, RubricIdDep, refuse_unknown_parameters
from ...documents.openapi import RUBRIC_BODY, RUBRIC_CREATE_BODY, etag_reply, made_replies, problem_replies
from ...etags import IfMatchDep, check_if_match, write_etag
from ...idempotency import OnceDep
from ...paging import Page, PagingDep
from ...rubric_body import read_rubric_body
from ...schemas.rubrics.versions import RubricCopy, RubricPublic, RubricSummary

router = APIRouter(prefix="/v1/rubrics", tags=["rubrics"], dependencies=[Depends(refuse_unknown_parameters)])
RubricBodyDep = Annotated[dict[str, Any], Depends(read_rubric_body)]
T = TypeVar("T")
LanguageQuery = Annotated[Literal["zh", "en"] | None, Query(description="Only versions in this language.")]


@router.post(
    "",
    status_code=201,
    summary="Create a draft",
    openapi_extra={"requestBody": RUBRIC_CREATE_BODY},
    responses={
        **made_replies(201),
        **problem_replies(404),
    },
)
def create_rubric(
    fields: RubricBodyDep, response: Response, once: OnceDep, bank: BankDep, caller: CallerDep
) -> RubricPublic:
    """Stores a draft: the rubric in the body, as JSON or YAML, or a copy of the one that `from` names.

    A draft grades no answers until it is frozen, whatever its `status` says, and may be incomplete. It becomes the next
    version for its question and language; a question of the bank may have versions of yours. A copy also needs the
    scope `rubrics:read`.
    """
    rubric_id = new_id()

    def store(session: Session) -> RubricPublic:
        rubric = _read_new_draft(session, bank, fields, caller)
        return RubricPublic.from_row(versions.create(session, rubric, rubric_id=rubric_id))

    stored = once.run(store, reply_type=RubricPublic, body=fields, location=lambda made: f"{router.prefix}/{made.id}")
    write_etag(response, stored.revision)
    return stored


def _read_new_draft(session: Session, bank: Bank, fields: Mapping[str, Any], caller: Caller) -> Rubric:
    if "from" not in fields:
        return read_draft(fields)
    try:
        source = RubricCopy.model_validate(fields).source
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        raise RequestValidationError([{**first, "loc": ("body", *first["loc"])}]) from None
    # The reply has the answer key of what is copied.
    if not caller.may(Scope.RUBRICS_READ):
        raise MissingScope(
            f"A copy shows a rubric, for which the key {caller.key_id} has not the scope 'rubrics:read'."
        )
    if source.rubric_id and not source.question_id and not source.language:
        return copies.copy_version(session, source.rubric_id)
    if source.question_id and not source.rubric_id:
        return copies.copy_from_bank(bank, source.question_id, source.language or "en")
    raise UnusableRequest("'from' names one thing to copy: send 'rubric_id', or 'question_id' with 'language'.")


@router.get("", summary="List your rubrics")
def list_rubrics(
    sessions: OwnSessionsDep,
    paging: PagingDep,
    question_id: Annotated[
        str | None,
        Query(max_length=64, pattern="^[a-z0-9-]+$", description="Only versions for the question with this id."),
    ] = None,
    language: LanguageQuery = None,
    status: Annotated[RubricStatus | None, Query(description="Only versions with this status.")] = None,
) -> Page[RubricSummary]:
    """Returns your versions without their answer keys, the newest first. Those of the bank are at `/v1/questions`."""
    query = paging.read(question_id=question_id, language=language, status=status)
    after = (datetime.fromisoformat(query.after[0]), query.after[1]) if query.after else None
    with sessions() as session:
        rows = StoredRubricRepository(session).newest_first(**query.filters, after=after, limit=query.limit + 1)
    shown = rows[: query.limit]
    last = [shown[-1].created_at.isoformat(), shown[-1].id] if len(rows) > query.limit else None
    return paging.write([RubricSummary.from_row(row) for row in shown], last=last)


@router.get("/{rubric_id}", summary="Read a rubric with its answer key", responses=etag_reply())
def read_rubric(rubric_id: RubricIdDep, response: Response, sessions: OwnSessionsDep) -> RubricPublic:
    """Returns a version of yours with its answer key, and its `ETag`."""
    with sessions() as session:
        row = get_own(session, StoredRubric, rubric_id, name="rubric")
    write_etag(response, row.revision)
    return RubricPublic.from_row(row)


@router.put(
    "/{rubric_id}",
    summary="Edit a draft",
    openapi_extra={"requestBody": RUBRIC_BODY},
    responses={**etag_reply(), **problem_replies(409, 428)},
)
def edit_rubric(
    rubric_id: RubricIdDep,
    fields: RubricBodyDep,
    response: Response,
    sessions: OwnSessionsDep,
    if_match: IfMatchDep = None,
) -> RubricPublic:
    """Replaces a draft by the rubric in the body, as JSON or YAML. A frozen or retired version gives 409."""

    def change(_: Session, row: StoredRubric) -> RubricPublic:
        check_if_match(if_match, row.revision)
        versions.edit(row, fields)
        return RubricPublic.from_row(row)

    edited = _change(sessions, rubric_id, change)
    write_etag(response, edited.revision)
    return edited


@router.delete("/{rubric_id}", status_code=204, summary="Delete a draft", responses=problem_replies(409))
def delete_rubric(rubric_id: RubricIdDep, sessions: OwnSessionsDep, if_match: IfMatchDep = None) -> None:
    """Deletes a draft with its tests. A frozen or retired version gives 409: answers were graded by it."""

    def change(session: Session, row: StoredRubric) -> None:
        _check_if_named(if_match, row)
        versions.delete(session, row)

    _change(sessions, rubric_id, change)


@router.post(
    "/{rubric_id}/freeze",
    summary="Freeze a draft",
    responses={**etag_reply(), **problem_replies(409)},
)
def freeze_rubric(
    rubric_id: RubricIdDep,
    response: Response,
    sessions: OwnSessionsDep,
    caller: CallerDep,
    if_match: IfMatchDep = None,
) -> RubricSummary:
    """Freezes a draft: it never changes again, and answers to its question are graded by it from now on.

    A draft with errors of the lint gives 409, which names them. With `If-Match` only the revision that you read is
    frozen. Freezing twice changes nothing.
    """

    def change(session: Session, row: StoredRubric) -> RubricSummary:
        if row.status == "draft":
            _check_if_named(if_match, row)
        versions.freeze(session, row, actor=caller.actor)
        return RubricSummary.from_row(row)

    frozen = _change(sessions, rubric_id, change)
    write_etag(response, frozen.revision)
    return frozen


@router.post("/{rubric_id}/retire", summary="Retire a rubric", responses={**etag_reply(), **problem_replies(409)})
def retire_rubric(
    rubric_id: RubricIdDep, response: Response, sessions: OwnSessionsDep, caller: CallerDep
) -> RubricSummary:
    """Retires a frozen version: the one frozen before it grades new answers then, or the bank's.

    Gradings by it stay as they are. Retiring twice changes nothing; a draft gives 409.
    """

    def change(session: Session, row: StoredRubric) -> RubricSummary:
        versions.retire(session, row, actor=caller.actor)
        return RubricSummary.from_row(row)

    retired = _change(sessions, rubric_id, change)
    write_etag(response, retired.revision)
    return retired


def _change(sessions: SessionFactory, rubric_id: str, change: Callable[[Session, StoredRubric], T]) -> T:
    """Applies a change to a version, which is locked meanwhile; raises NotFound if there is none."""
    return sessions.run(
        lambda session: change(session, get_own(session, StoredRubric, rubric_id, name="rubric", lock=True))
    )


def _check_if_named(if_match: str | None, row: StoredRubric) -> None:
    if if_match is not None:
        check_if_match(if_match, row.revision)
