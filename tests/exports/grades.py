"""Grades all answers of a cohort at once, with copies of reports that a worker made."""

from __future__ import annotations

import sqlalchemy as sa

from vivavoce.rubrics import Rubric

from ..faults.site import Site

_GRADINGS = """
INSERT INTO grading (id, organisation_id, submission_id, rubric_version_id, state, priority, attempt, unanswered, fence,
                     cohort_id, rubric_source, created_at, updated_at)
SELECT md5(item.id), item.organisation_id, item.submission_id, item.rubric_version_id, 'graded', 0, 1, 0, 1,
       item.cohort_id, item.rubric_source, item.created_at, item.updated_at
FROM cohort_item item WHERE item.cohort_id = :cohort
"""
_REPORTS = """
INSERT INTO report (grading_id, organisation_id, score, document, created_at)
SELECT md5(item.id), item.organisation_id, model.score, model.document, model.created_at
FROM cohort_item item
JOIN grading made ON made.rubric_version_id = item.rubric_version_id AND made.id IN :made
JOIN report model ON model.grading_id = made.id
WHERE item.cohort_id = :cohort
"""
_LINKS = "UPDATE cohort_item SET grading_id = md5(id) WHERE cohort_id = :cohort"


def grade_all(site: Site, cohort_id: str, rubrics: list[Rubric]) -> None:
    """Have one answer to each question graded by the worker, and give its report to all answers of the cohort."""
    made = [_submit(site, rubric) for rubric in rubrics]
    site.wait_until_done(seconds=120)
    with site.engine.begin() as connection:
        connection.execute(sa.text(_GRADINGS), {"cohort": cohort_id})
        reports = sa.text(_REPORTS).bindparams(sa.bindparam("made", expanding=True))
        connection.execute(reports, {"cohort": cohort_id, "made": made})
        connection.execute(sa.text(_LINKS), {"cohort": cohort_id})
    with site.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("ANALYZE")


def _submit(site: Site, rubric: Rubric) -> str:
    body = {"question_id": rubric.question.id, "answer": rubric.references[-1].text}
    reply = site.http.post("/v1/gradings", json=body)
    assert reply.status_code == 202, reply.text
    return str(reply.json()["id"])
