"""Grades an answer by a rubric to try it out: the background job `test_grade`."""

from __future__ import annotations

from typing import cast

from vivavoce.graders import AnswerInput, grade
from vivavoce.graders.signals.text_matcher import EmbeddingTextMatcher
from vivavoce.rubrics import Language
from vivavoce.service.own_rubrics.documents import read_complete
from vivavoce.service.own_rubrics.lint import lint_draft
from vivavoce.service.own_rubrics.trials import store_result
from vivavoce.service.storage.tables import RubricTest

from .background import JobContext


def grade_test(context: JobContext) -> None:
    """Grade the answer of a test, lint its rubric with embeddings, and store both."""
    with context.sessions() as session:
        test = session.get(RubricTest, context.lease.subject_id)
    # Deleted with its rubric, or expired.
    if test is None:
        return
    rubric = read_complete(test.document)
    answer = AnswerInput(raw=test.answer, feedback_language=cast(Language | None, test.feedback_language))
    # No transaction is open while the models run.
    (report,) = grade([answer], rubric, context.panel, seconds=context.settings.grading_seconds or None)
    findings = lint_draft(rubric, EmbeddingTextMatcher(context.panel.embedder))
    context.sessions.run(lambda session: store_result(session, context.lease.subject_id, report, findings))
