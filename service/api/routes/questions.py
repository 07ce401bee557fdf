"""Route that lists the questions of the bank without their answer keys."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, FastAPI, Header, Query, Request, Response
from pydantic import TypeAdapter

from vivavoce.rubrics import Bank, content_hash

from ..dependencies import refuse_unknown_parameters
from ..documents.openapi import problem_replies
from ..schemas.questions import CriterionPublic, QuestionPublic

router = APIRouter(prefix="/v1/questions", tags=["questions"], dependencies=[Depends(refuse_unknown_parameters)])
_HEADERS = {"Cache-Control": "private, max-age=300", "Vary": "Accept-Encoding, Authorization"}
_QUESTIONS = TypeAdapter(list[QuestionPublic])


@dataclass(frozen=True)
class QuestionList:
    """A list of questions as it is sent; `tag` is its ETag, the same for both forms."""

    plain: bytes
    zipped: bytes
    tag: str


@router.get(
    "",
    summary="List questions",
    response_model=list[QuestionPublic],
    responses={
        200: {"headers": {"ETag": {"description": "For `If-None-Match`.", "schema": {"type": "string"}}}},
        304: {"description": "Nothing has changed since the `ETag` in `If-None-Match`."},
        **problem_replies(422),
    },
)
def list_questions(
    request: Request,
    language: Annotated[Literal["zh", "en"] | None, Query(description="Only questions in this language.")] = None,
    if_none_match: Annotated[str, Header(alias="If-None-Match", description="`ETag` of an earlier reply.")] = "",
    accept_encoding: Annotated[str, Header(include_in_schema=False)] = "",
) -> Response:
    """Returns the questions of the bank, in both languages or in one. The reply has an `ETag` and may be kept."""
    questions = load_questions(request.app, language)
    headers = {**_HEADERS, "ETag": questions.tag}
    if {tag.strip() for tag in if_none_match.split(",")} & {questions.tag, questions.tag.removeprefix("W/"), "*"}:
        return Response(status_code=304, headers=headers)
    if _takes_gzip(accept_encoding):
        headers["Content-Encoding"] = "gzip"
        return Response(questions.zipped, media_type="application/json", headers=headers)
    return Response(questions.plain, media_type="application/json", headers=headers)


def load_questions(app: FastAPI, language: str | None) -> QuestionList:
    """Returns the list in a language, or in both; it is written once."""
    lists: dict[str | None, QuestionList] = app.state.question_lists
    if language not in lists:
        lists[language] = _write_questions(app.state.bank, language)
    return lists[language]


def _write_questions(bank: Bank, language: str | None) -> QuestionList:
    shown = [
        QuestionPublic(
            **rubric.question.model_dump(),
            max_points=rubric.max_points,
            rubric_hash=content_hash(rubric),
            criteria=[CriterionPublic(id=c.id, kind=c.kind, title=c.title, points=c.points) for c in rubric.criteria],
        )
        for rubric in bank
        if language is None or rubric.question.language == language
    ]
    plain = _QUESTIONS.dump_json(shown)
    # Weak: the zipped form differs in its bytes.
    tag = f'W/"{hashlib.sha256(plain).hexdigest()[:32]}"'
    return QuestionList(plain, gzip.compress(plain, mtime=0), tag)


def _takes_gzip(accept_encoding: str) -> bool:
    for coding in accept_encoding.lower().split(","):
        name, _, weight = coding.replace(" ", "").partition(";")
        if name in ("gzip", "*"):
            return weight not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False
