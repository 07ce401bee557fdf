"""Routes for what a rubric is like: its lint, its differences from another, its file, and answers graded as a test."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from sqlalchemy.orm import Session

from vivavoce.rubrics import Rubric
from vivavoce.rubrics.formats import canvas, markdown
from vivavoce.rubrics.formats.files import to_yaml

from ....lookup import get_own
from ....own_rubrics import trials
from ....own_rubrics.differences import compare_versions
from ....own_rubrics.documents import read_draft
from ....own_rubrics.lint import lint_draft, list_errors
from ....storage.tables import StoredRubric
from ...authorization import OwnSessionsDep
from ...dependencies import BankDep, RubricIdDep, SettingsDep, refuse_unknown_parameters
from ...documents.openapi import TEST_BODY, made_replies
from ...idempotency import OnceDep
from ...json_body import build_reader
from ...polling import wait_for
from ...schemas.rubrics.reports import (
    ChangePublic,
    FindingPublic,
    LintReport,
    RubricDiff,
    RubricTestCreate,
    RubricTestPublic,
)

router = APIRouter(
    prefix="/v1/rubrics/{rubric_id}", tags=["rubrics"], dependencies=[Depends(refuse_unknown_parameters)]
)
Format = Literal["yaml", "markdown", "canvas"]
_FORMATS: dict[Format, tuple[str, str, Callable[[Rubric], str]]] = {
    "yaml": ("application/yaml", "yaml", to_yaml),
    "markdown": ("text/markdown", "md", markdown.write_page),
    "canvas": ("text/csv", "csv", lambda rubric: canvas.write_canvas([rubric])),
}
_TEXT = {"schema": {"type": "string"}}
_OBJECT = {"schema": {"type": "object"}}


@router.get("/lint", summary="Lint a rubric")
def lint_rubric(rubric_id: RubricIdDep, sessions: OwnSessionsDep) -> LintReport:
    """Returns what must be mended before a draft can be frozen, and what grades worse than it could."""
    with sessions() as session:
        row = get_own(session, StoredRubric, rubric_id, name="rubric")
    findings = lint_draft(read_draft(row.document))
    return LintReport(
        can_freeze=not list_errors(findings), findings=[FindingPublic.from_finding(finding) for finding in findings]
    )


@router.get("/diff", summary="Compare two versions")
def compare_rubric(
    rubric_id: RubricIdDep,
    sessions: OwnSessionsDep,
    bank: BankDep,
    against: Annotated[
        str | None,
        Query(
            pattern="^(bank|[0-9a-f]{32})$",
            description="Id of another version of the same question and language, or `bank`; by default the version "
            "before, or the bank's if there is none.",
        ),
    ] = None,
) -> RubricDiff:
    """Returns how a version differs from an older one, and what each difference does to grades by the older."""
    with sessions() as session:
        row = get_own(session, StoredRubric, rubric_id, name="rubric")
        named, edit = compare_versions(session, bank, row, against)
    return RubricDiff(
        rubric_id=row.id,
        against=named,
        effect=edit.effect,
        changes=[ChangePublic.from_change(change) for change in edit.changes],
    )


@router.get(
    "/export",
    summary="Export a rubric as a file",
    response_class=Response,
    responses={
        200: {"content": {media_type: _TEXT for media_type, _, _ in _FORMATS.values()} | {"application/yaml": _OBJECT}},
    },
)
def export_rubric(
    rubric_id: RubricIdDep,
    sessions: OwnSessionsDep,
    file_format: Annotated[
        Format,
        Query(
            alias="format",
            description="`yaml`, which `viva` and this API read again; `markdown`; or `canvas`, a CSV that has the "
            "criteria only.",
        ),
    ] = "yaml",
) -> Response:
    """Returns a version, with its answer key, as a file."""
    with sessions() as session:
        row = get_own(session, StoredRubric, rubric_id, name="rubric")
    media_type, ending, write = _FORMATS[file_format]
    name = f"{row.question_id}.{row.language}.v{row.version}.{ending}"
    return Response(
        write(Rubric.model_validate(row.document)),
        media_type=media_type,
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


@router.post(
    "/test",
    status_code=202,
    summary="Test-grade an answer",
    openapi_extra={"requestBody": TEST_BODY},
    responses={
        **made_replies(202),
    },
)
def test_rubric(
    rubric_id: RubricIdDep,
    body: Annotated[RubricTestCreate, Depends(build_reader(RubricTestCreate))],
    once: OnceDep,
) -> RubricTestPublic:
    """Grades an answer by a version, also by a draft, to try it out; `Location` is the address of the result.

    A test is no grading: no list, cohort or figure counts it, and it is deleted after seven days. It asks the judge as
    a grading does. A draft that lacks references or the like gives 409.
    """

    def start(session: Session) -> RubricTestPublic:
        row = get_own(session, StoredRubric, rubric_id, name="rubric")
        trial = trials.start_test(session, row, answer=body.answer, feedback_language=body.feedback_language)
        return RubricTestPublic.from_trial(trial)

    return once.run(
        start,
        reply_type=RubricTestPublic,
        body=body,
        location=lambda made: f"/v1/rubrics/{rubric_id}/tests/{made.id}",
    )


@router.get("/tests/{test_id}", summary="Read a test")
async def read_rubric_test(
    rubric_id: RubricIdDep,
    test_id: Annotated[
        str,
        Path(description="Id of the test: 32 hexadecimal digits.", json_schema_extra={"pattern": "^[0-9a-f]{32}$"}),
    ],
    request: Request,
    sessions: OwnSessionsDep,
    settings: SettingsDep,
    wait: Annotated[
        float,
        Query(
            ge=0,
            description="Seconds to wait for the report, at most 60 or what `VIVA_MAX_WAIT_SECONDS` says; a larger "
            "value is no error.",
        ),
    ] = 0.0,
) -> RubricTestPublic:
    """Returns a test, with its report and the full lint of the rubric once it is finished."""

    def read() -> RubricTestPublic:
        with sessions() as session:
            return RubricTestPublic.from_trial(trials.get_test(session, rubric_id, test_id))

    return await wait_for(
        read,
        lambda test: test.state in ("finished", "failed"),
        seconds=min(wait, settings.max_wait_seconds),
        is_stopping=request.app.state.is_stopping,
    )
