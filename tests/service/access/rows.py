"""Rows of an organisation for the matrices: for each name of a path parameter, what makes a row that it names."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy.orm import Session

from vivavoce.rubrics import Rubric
from vivavoce.service.access.keys import add_key
from vivavoce.service.access.scopes import Role
from vivavoce.service.gradings import submission
from vivavoce.service.gradings.submission import NewAnswer
from vivavoce.service.storage import clock
from vivavoce.service.storage.tables import (
    Analysis,
    Cohort,
    CohortFile,
    CohortItem,
    CohortState,
    ColumnMapping,
    Export,
    GradeEdit,
    Grading,
    Job,
    JudgeVersion,
    Review,
    RubricTest,
    StoredRubric,
    WebhookDelivery,
    WebhookEndpoint,
)

_HASH = "0" * 64
_MAPPING = {"layout": "long", "answer": "answer", "question": "question"}
_COUNTS = dict.fromkeys(("rows", "valid_rows", "invalid_rows", "answers", "errors", "warnings"), 0)
_REPORT = {
    "format": "csv",
    **dict.fromkeys(("encoding", "delimiter", "sheet", "mapping_source", "saved_mapping")),
    "columns": [],
    "first_rows": [],
    "problems": [],
}
_SEARCH = {"threshold": 0.8}
_REGRADE = {"rubrics": [], "hashes": {}, "pass_mark": 6.0, "judge": False}
# Nobody else has a question or an external id of this name.
OWN_NAME = "only-of-this-organisation"


class Rows:
    """The rows of one organisation; each factory makes its row once, with those that it hangs on."""

    def __init__(self, session: Session, organisation_id: str, rubric: Rubric) -> None:
        self._session, self._organisation, self._rubric = session, organisation_id, rubric
        self._ids: dict[str, str] = {}

    def id_of(self, parameter: str) -> str:
        """The id for a path parameter. Raises KeyError for one without a factory."""
        if parameter not in self._ids:
            self._ids[parameter] = FACTORIES[parameter](self)
        return self._ids[parameter]

    def every_id(self) -> dict[str, str]:
        """The ids for all path parameters."""
        return {parameter: self.id_of(parameter) for parameter in FACTORIES}

    def add(self, table: type[Any], **values: Any) -> str:
        """Adds a row of the organisation; gives its id."""
        row = table(organisation_id=self._organisation, **values)
        self._session.add(row)
        self._session.flush()
        return str(row.id)

    def make_grading(self) -> str:
        new = NewAnswer(rubric=self._rubric, answer="INT8", candidate=OWN_NAME)
        return submission.submit(self._session, new, organisation_id=self._organisation).grading.id

    def make_key(self) -> str:
        key, _ = add_key(
            self._session, organisation_id=self._organisation, name=OWN_NAME, role=Role.INTEGRATOR, created_by="test"
        )
        return key.id

    def make_rubric(self) -> str:
        document = self._rubric.model_dump(mode="json")
        document["question"]["id"] = OWN_NAME
        rubric_ids = [
            self.add(
                StoredRubric,
                question_id=OWN_NAME,
                language=self._rubric.question.language,
                version=version,
                status="draft",
                document=document,
                **_times(),
            )
            for version in (1, 2)
        ]
        return rubric_ids[-1]

    def make_question(self) -> str:
        self.id_of("rubric_id")
        return OWN_NAME

    def make_review(self) -> str:
        grading_id = self.id_of("grading_id")
        return self.add(Review, grading_id=grading_id, reviewer="test", levels={}, source="api", created_at=clock.now())

    def make_cohort(self) -> str:
        return self.add(Cohort, name=OWN_NAME, state=CohortState.FINISHED, options={}, **_times())

    def make_item(self) -> str:
        new = NewAnswer(rubric=self._rubric, answer="INT4", candidate=OWN_NAME)
        grading = submission.submit(self._session, new, organisation_id=self._organisation).grading
        return self.add(
            CohortItem,
            cohort_id=self.id_of("cohort_id"),
            external_id=OWN_NAME,
            candidate=OWN_NAME,
            question_id=self._rubric.question.id,
            content_hash=_HASH,
            submission_id=grading.submission_id,
            rubric_version_id=grading.rubric_version_id,
            grading_id=grading.id,
            **_times(),
        )

    def make_external_id(self) -> str:
        self.id_of("item_id")
        return OWN_NAME

    def make_file(self) -> str:
        cohort_id = self.id_of("cohort_id")
        return self.add(
            CohortFile,
            cohort_id=cohort_id,
            name="a.csv",
            content=b"a",
            sha256=_HASH,
            size=1,
            reading={"encoding": None, "sheet": None},
            report=_REPORT,
            counts=_COUNTS,
            items=zlib.compress(b"[]"),
            created_at=clock.now(),
        )

    def make_mapping(self) -> str:
        return self.add(ColumnMapping, name=OWN_NAME, headings_hash=_HASH, mapping=_MAPPING, created_at=clock.now())

    def make_endpoint(self) -> str:
        return self.add(WebhookEndpoint, url="https://hooks.example/viva", secrets=[], state="enabled", **_times())

    def make_delivery(self) -> str:
        return self.add(
            WebhookDelivery,
            endpoint_id=self.id_of("webhook_id"),
            sequence=1,
            kind="grading.graded",
            state="failed",
            **_times(),
        )

    def make_export(self) -> str:
        return self.add(
            Export,
            cohort_id=self.id_of("cohort_id"),
            format="csv",
            options={},
            state="queued",
            created_by="test",
            created_at=clock.now(),
        )

    def make_analysis(self, kind: str = "duplicates", options: Mapping[str, Any] = _SEARCH) -> str:
        return self.add(
            Analysis,
            cohort_id=self.id_of("cohort_id"),
            kind=kind,
            options=dict(options),
            state="finished",
            result={"basis": _HASH},
            created_at=clock.now(),
        )

    def make_edit(self) -> str:
        return self.add(
            GradeEdit,
            export_id=self.id_of("export_id"),
            file_name="a.csv",
            sha256=_HASH,
            counts=dict.fromkeys(("rows", "changed", "replacing_person", "unchanged", "problems"), 0),
            changes=[],
            problems=[],
            created_by="test",
            created_at=clock.now(),
        )

    def make_judge(self) -> str:
        return self.add(
            JudgeVersion,
            engine="stub",
            engine_version="1",
            model=OWN_NAME,
            revision="1",
            prompt_name="p",
            prompt_hash=_HASH,
            form={"asked": "at once"},
            figures={"questions": {}},
            registered_at=clock.now(),
        )

    def find_submission(self) -> str:
        return self._session.get_one(Grading, self.id_of("grading_id")).submission_id

    def make_test(self) -> str:
        rubric_id = self.id_of("rubric_id")
        document = self._rubric.model_dump(mode="json")
        times = {"created_at": clock.now(), "expires_at": clock.now() + timedelta(days=1)}
        job_id = self.add(Job, kind="rubric_test", subject_id=rubric_id, state="finished", **_times())
        return self.add(
            RubricTest, rubric_id=rubric_id, revision=1, document=document, answer="INT8", job_id=job_id, **times
        )

    def make_job(self) -> str:
        return self.add(Job, kind="export", subject_id=self.id_of("export_id"), state="finished", **_times())


def _times() -> dict[str, Any]:
    return {"created_at": clock.now(), "updated_at": clock.now()}


FACTORIES: Mapping[str, Callable[[Rows], str]] = {
    "grading_id": Rows.make_grading,
    "key_id": Rows.make_key,
    "rubric_id": Rows.make_rubric,
    "question_id": Rows.make_question,
    "review_id": Rows.make_review,
    "cohort_id": Rows.make_cohort,
    "item_id": Rows.make_item,
    "external_id": Rows.make_external_id,
    "candidate": Rows.make_external_id,
    "file_id": Rows.make_file,
    "mapping_id": Rows.make_mapping,
    "webhook_id": Rows.make_endpoint,
    "delivery_id": Rows.make_delivery,
    "export_id": Rows.make_export,
    "analysis_id": Rows.make_analysis,
    "regrade_id": lambda rows: rows.make_analysis("regrade", _REGRADE),
    "job_id": Rows.make_job,
    "edit_id": Rows.make_edit,
    "judge_id": Rows.make_judge,
    "submission_id": Rows.find_submission,
    "test_id": Rows.make_test,
}
"""By the name of a path parameter. A new one needs a line here, or the matrices fail."""
