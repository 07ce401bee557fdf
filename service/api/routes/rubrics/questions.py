"""Routes for questions without their answer keys: those of the bank and the organisation's own."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response

from vivavoce.rubrics import Bank

from ....access.scopes import Scope
from ....errors import UnknownQuestionError
from ....storage.repositories import StoredRubricRepository
from ...authorization import CallerDep, OwnSessionsDep
from ...dependencies import BankDep, refuse_unknown_parameters
from ...question_lists import QuestionList, filter_questions, load_questions, merge_questions, write_questions
from ...schemas.rubrics.questions import QuestionDetail, QuestionPublic
from ...schemas.rubrics.versions import RubricSummary

router = APIRouter(prefix="/v1/questions", tags=["questions"], dependencies=[Depends(refuse_unknown_parameters)])
_HEADERS = {"Cache-Control": "private, max-age=300", "Vary": "Accept-Encoding, Authorization"}


@router.get(
    "",
    summary="List questions",
    response_model=list[QuestionPublic],
    responses={
        200: {
            "headers": {"ETag": {"description": "For `If-None-Match`.", "schema": {"type": "string"}}},
        },
        304: {"description": "Nothing has changed since the `ETag` in `If-None-Match`."},
    },
)
def list_questions(
    request: Request,
    bank: BankDep,
    sessions: OwnSessionsDep,
    language: Annotated[Literal["zh", "en"] | None, Query(description="Only questions in this language.")] = None,
    topic: Annotated[str | None, Query(max_length=64, description="Only questions on this topic.")] = None,
    difficulty: Annotated[
        Literal["foundation", "intermediate", "advanced"] | None,
        Query(description="Only questions of this difficulty."),
    ] = None,
    source: Annotated[
        Literal["bank", "own"] | None, Query(description="Only questions graded by the bank's or by your own rubric.")
    ] = None,
    if_none_match: Annotated[str, Header(alias="If-None-Match", description="`ETag` of an earlier reply.")] = "",
    accept_encoding: Annotated[str, Header(include_in_schema=False)] = "",
) -> Response:
    """Returns all questions that answers can be graded to, in both languages or in one, as one list without pages.

    Where your organisation has frozen a rubric of its own, it stands in place of the bank's. The reply has an `ETag`
    and may be kept for five minutes.
    """
    with sessions() as session:
        own = StoredRubricRepository(session).in_use()
    filters = {"language": language, "topic": topic, "difficulty": difficulty, "source": source}
    wanted = {name: value for name, value in filters.items() if value is not None}
    if not own and set(wanted) <= {"language"}:
        questions = load_questions(request.app, language)
    else:
        questions = write_questions(filter_questions(merge_questions(bank, own), wanted))
    return _send(questions, if_none_match, accept_encoding)


@router.get("/{question_id}", summary="Read a question")
def read_question(
    question_id: Annotated[str, Path(max_length=64, description="Id or handbook number of a question.")],
    bank: BankDep,
    sessions: OwnSessionsDep,
    caller: CallerDep,
) -> QuestionDetail:
    """Returns a question in each of its languages, without its answer key, and your versions of its rubric."""
    wanted = bank.find_id(question_id) or question_id.strip()
    with sessions() as session:
        # No database compares NUL.
        rows = StoredRubricRepository(session).of_question(wanted) if wanted.isprintable() else []
    shown = [row for row in rows if row.status != "draft" or caller.may(Scope.RUBRICS_READ)]
    in_bank = Bank([rubric for rubric in bank if rubric.question.id == wanted])
    if not shown and not len(in_bank):
        raise UnknownQuestionError(f"There is no question '{question_id}': list all questions with GET /v1/questions.")
    frozen = {
        row.language: row
        for row in sorted(rows, key=lambda row: row.frozen_at or row.created_at)
        if row.status == "frozen"
    }
    languages = merge_questions(in_bank, list(frozen.values()))
    return QuestionDetail(
        id=wanted,
        languages=sorted(languages, key=lambda question: question.language),
        rubrics=[RubricSummary.from_row(row) for row in shown],
    )


def _send(questions: QuestionList, if_none_match: str, accept_encoding: str) -> Response:
    headers = {**_HEADERS, "ETag": questions.tag}
    if {tag.strip() for tag in if_none_match.split(",")} & {questions.tag, questions.tag.removeprefix("W/"), "*"}:
        return Response(status_code=304, headers=headers)
    if _takes_gzip(accept_encoding):
        headers["Content-Encoding"] = "gzip"
        return Response(questions.zipped, media_type="application/json", headers=headers)
    return Response(questions.plain, media_type="application/json", headers=headers)


def _takes_gzip(accept_encoding: str) -> bool:
    for coding in accept_encoding.lower().split(","):
        name, _, weight = coding.replace(" ", "").partition(";")
        if name in ("gzip", "*"):
            return weight not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False
