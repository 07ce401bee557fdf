"""Questions, and rubrics of your own."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Literal

from ..errors import WaitTimedOut
from ..http.operations import R, Resource, iteration, operation, request
from ..http.pages import read_pages
from ..http.requests import (
    Items,
    Request,
    Steps,
    call,
    fill,
    new_idempotency_key,
    read_as,
    read_list_of,
    read_nothing,
    read_text,
    without_none,
)
from ..models.rubrics import (
    LintReport,
    Question,
    QuestionDetail,
    Rubric,
    RubricDiff,
    RubricImport,
    RubricSummary,
    RubricTest,
)

_RUBRIC = "/v1/rubrics/{}"
_OPEN = ("queued", "running")


class Questions(Resource[R]):
    """`client.questions`."""

    @request
    def list(
        self,
        *,
        language: Literal["zh", "en"] | None = None,
        topic: str | None = None,
        difficulty: str | None = None,
        source: Literal["bank", "own"] | None = None,
    ) -> Request[list[Question]]:
        """Returns all questions that answers can be graded to, without their answer keys."""
        filters = without_none(language=language, topic=topic, difficulty=difficulty, source=source)
        return Request(method="GET", path="/v1/questions", parameters=filters, read=read_list_of(Question))

    @request
    def read(self, question_id: str) -> Request[QuestionDetail]:
        """Returns a question in each of its languages, by id or handbook number."""
        return Request(method="GET", path=fill("/v1/questions/{}", question_id), read=read_as(QuestionDetail))


class Rubrics(Resource[R]):
    """`client.rubrics`."""

    @request
    def create(self, rubric: Mapping[str, Any] | str) -> Request[Rubric]:
        """Stores a draft, from fields or from a text of YAML.

        `{"from": {"question_id": ID, "language": "en"}}` or `{"from": {"rubric_id": ID}}` copies one.
        """
        return _write("POST", "/v1/rubrics", rubric, new_idempotency_key())

    @iteration
    def list(
        self,
        *,
        question_id: str | None = None,
        language: Literal["zh", "en"] | None = None,
        status: Literal["draft", "frozen", "retired"] | None = None,
    ) -> Items[RubricSummary]:
        """Gives your versions, the newest first."""
        filters = without_none(question_id=question_id, language=language, status=status)
        return read_pages("/v1/rubrics", RubricSummary, filters)

    @request
    def read(self, rubric_id: str) -> Request[Rubric]:
        """Returns a version with its answer key; its `etag` is for edits."""
        return Request(method="GET", path=fill(_RUBRIC, rubric_id), read=read_as(Rubric))

    @request
    def edit(self, rubric_id: str, rubric: Mapping[str, Any] | str, *, if_match: str) -> Request[Rubric]:
        """Replaces a draft that was read with the `etag` `if_match`. Raises Conflict."""
        return _write("PUT", fill(_RUBRIC, rubric_id), rubric, {"If-Match": if_match})

    @request
    def delete(self, rubric_id: str, *, if_match: str | None = None) -> Request[None]:
        """Deletes a draft."""
        headers = {"If-Match": if_match} if if_match else {}
        return Request(method="DELETE", path=fill(_RUBRIC, rubric_id), headers=headers, read=read_nothing)

    @request
    def lint(self, rubric_id: str) -> Request[LintReport]:
        """Returns what must be mended before freezing, and what grades worse than it could."""
        return Request(method="GET", path=fill(_RUBRIC + "/lint", rubric_id), read=read_as(LintReport))

    @request
    def freeze(self, rubric_id: str, *, if_match: str | None = None) -> Request[RubricSummary]:
        """Freezes a draft, so that answers are graded by it. Raises Conflict with all its errors."""
        headers = {"If-Match": if_match} if if_match else {}
        path = fill(_RUBRIC + "/freeze", rubric_id)
        return Request(method="POST", path=path, headers=headers, read=read_as(RubricSummary))

    @request
    def retire(self, rubric_id: str) -> Request[RubricSummary]:
        """Retires a frozen version: it grades no new answers."""
        return Request(method="POST", path=fill(_RUBRIC + "/retire", rubric_id), read=read_as(RubricSummary))

    @request
    def compare(self, rubric_id: str, *, against: str | None = None) -> Request[RubricDiff]:
        """Returns how a version differs from the one before, another one, or `bank`, and what that does to grades."""
        path, parameters = fill(_RUBRIC + "/diff", rubric_id), without_none(against=against)
        return Request(method="GET", path=path, parameters=parameters, read=read_as(RubricDiff))

    @request
    def export(self, rubric_id: str, *, format: Literal["yaml", "markdown", "canvas"] | None = None) -> Request[str]:
        """Returns a version as the text of a file."""
        return Request(
            method="GET",
            path=fill(_RUBRIC + "/export", rubric_id),
            parameters=without_none(format=format),
            headers={"Accept": "*/*"},
            read=read_text,
        )

    @request
    def import_canvas(self, content: bytes, *, language: Literal["zh", "en"] | None = None) -> Request[RubricImport]:
        """Makes a draft of each rubric in a CSV of Canvas."""
        return Request(
            method="POST",
            path="/v1/rubric-imports",
            parameters=without_none(language=language),
            headers={"Content-Type": "text/csv", **new_idempotency_key()},
            content=content,
            read=read_as(RubricImport),
        )

    @operation
    def test(
        self, rubric_id: str, answer: str, *, language: str | None = None, timeout_seconds: float = 600.0
    ) -> Steps[RubricTest]:
        """Grades an answer to try a rubric out, and returns its report; `language` is that of the feedback."""
        body = without_none(answer=answer, feedback_language=language)
        path = fill(_RUBRIC + "/test", rubric_id)
        asked = Request(method="POST", path=path, headers=new_idempotency_key(), body=body, read=read_as(RubricTest))
        test = yield from call(asked)
        deadline = time.monotonic() + timeout_seconds
        while test.state in _OPEN:
            left = deadline - time.monotonic()
            if left <= 0:
                raise WaitTimedOut(f"The test {test.id} is {test.state} after {timeout_seconds:.0f} s: wait longer.")
            test = yield from call(_read_test(rubric_id, test.id, wait=min(left, 30.0)))
        return test

    @request
    def read_test(self, rubric_id: str, test_id: str) -> Request[RubricTest]:
        """Returns a test."""
        return _read_test(rubric_id, test_id)


def _read_test(rubric_id: str, test_id: str, *, wait: float = 0.0) -> Request[RubricTest]:
    return Request(
        method="GET",
        path=fill(_RUBRIC + "/tests/{}", rubric_id, test_id),
        parameters=without_none(wait=wait or None),
        wait_seconds=wait,
        read=read_as(RubricTest),
    )


def _write(method: str, path: str, rubric: Mapping[str, Any] | str, headers: Mapping[str, str]) -> Request[Rubric]:
    if isinstance(rubric, str):
        yaml = {**headers, "Content-Type": "application/yaml"}
        return Request(method=method, path=path, headers=yaml, content=rubric.encode(), read=read_as(Rubric))
    return Request(method=method, path=path, headers=headers, body=dict(rubric), read=read_as(Rubric))
