from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from vivavoce.evaluation.errors import EvaluationError
from vivavoce.evaluation.prompt_forms.outcomes import FORMS, run_forms
from vivavoce.evaluation.prompt_forms.questions import GradedQuestion, sample_questions
from vivavoce.graders.errors import JudgeFailure, UnscoredReason
from vivavoce.graders.judge.prompt import PromptForm
from vivavoce.graders.judge.types import AnswerVerdicts
from vivavoce.graders.testing import ScriptedJudge
from vivavoce.rubrics import Rubric

from ..builders import build_row, write_lines


@pytest.fixture
def questions(tmp_path: Path) -> list[GradedQuestion]:
    rows = [build_row(f"q{question}", number, score=number) for question in range(2) for number in range(5)]
    return sample_questions([write_lines(tmp_path / "one.jsonl", rows)], answers=6, seed=1)


class _RecordingJudge(ScriptedJudge):
    """Notes the texts that it is asked about."""

    def __init__(self, log_odds: float | JudgeFailure = 2.0) -> None:
        super().__init__(lambda answer, criterion: log_odds)
        self.texts: list[str] = []

    def judge(self, answers: Sequence[str], rubric: Rubric) -> list[AnswerVerdicts]:
        self.texts += answers
        return super().judge(answers, rubric)


def test_forms_differ_from_the_default_in_one_respect() -> None:
    default, *others = (vars(form) for form in FORMS)
    for form in others:
        assert sum(form[name] != default[name] for name in default) == 1
    assert len({str(form) for form in FORMS}) == len(FORMS)


def test_every_answer_is_judged_in_every_form(questions: list[GradedQuestion]) -> None:
    asked: list[PromptForm] = []
    progress: list[tuple[int, int]] = []

    def judge_of(form: PromptForm) -> ScriptedJudge:
        asked.append(form)
        return ScriptedJudge(lambda answer, criterion: 2.0 if criterion == "c0" else -1.0)

    outcomes = run_forms(questions, judge_of, on_progress=lambda *done: progress.append(done))
    assert asked == list(FORMS)
    assert len(outcomes) == 6 * len(FORMS)
    assert progress == [(1, 2), (2, 2)]
    # Three criteria: one likely, two unlikely.
    likely, unlikely = 1 / (1 + math.exp(-2.0)), 1 / (1 + math.exp(1.0))
    assert [outcome.judged for outcome in outcomes] == pytest.approx([(likely + 2 * unlikely) / 3] * len(outcomes))
    assert outcomes[0].human == questions[0].answers[0].human


def test_a_question_is_judged_in_all_forms_before_the_next(questions: list[GradedQuestion]) -> None:
    outcomes = run_forms(questions, lambda form: ScriptedJudge(), forms=FORMS[:2])
    sizes = [len(question.answers) for question in questions]
    assert [outcome.form for outcome in outcomes[: 2 * sizes[0]]] == [
        str(form) for form in FORMS[:2] for _ in range(sizes[0])
    ]


def test_answers_are_given_in_numbered_sentences(questions: list[GradedQuestion]) -> None:
    answer = replace(questions[0].answers[0], answer="It boils.  Steam rises.")
    judge = _RecordingJudge()
    run_forms([replace(questions[0], answers=(answer,))], lambda form: judge, forms=FORMS[:1])
    (text,) = judge.texts
    assert text.splitlines() != [text]
    assert all(sentence in text for sentence in ("It boils.", "Steam rises."))


def test_a_failed_verdict_is_no_number(questions: list[GradedQuestion]) -> None:
    judge = _RecordingJudge(JudgeFailure(UnscoredReason.PARSE, "no verdict"))
    outcomes = run_forms(questions, lambda form: judge, forms=FORMS[:1])
    assert {(outcome.judged, outcome.failure) for outcome in outcomes} == {(None, "parse")}


def test_an_unavailable_judge_stops_the_run(questions: list[GradedQuestion], tmp_path: Path) -> None:
    keep = tmp_path / "kept.jsonl"
    judge = _RecordingJudge(JudgeFailure(UnscoredReason.TIMEOUT, "no reply in 5 s"))
    with pytest.raises(EvaluationError, match=r"does not answer \(no reply in 5 s\): .*--keep to continue"):
        run_forms(questions, lambda form: judge, keep=keep)
    assert not keep.exists()


def test_an_interrupted_run_continues_from_its_file(questions: list[GradedQuestion], tmp_path: Path) -> None:
    keep = tmp_path / "kept.jsonl"
    first = run_forms(questions, lambda form: ScriptedJudge(), forms=FORMS[:2], keep=keep)
    lines = keep.read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["answer"] for line in lines] == [outcome.answer for outcome in first]
    # All but the last question in the last form was done.
    keep.write_text("\n".join(lines[: -len(questions[-1].answers)]) + "\n", encoding="utf-8")
    judges = {form: _RecordingJudge() for form in FORMS[:2]}
    again = run_forms(questions, judges.__getitem__, forms=FORMS[:2], keep=keep)
    assert again == first
    assert [len(judge.texts) for judge in judges.values()] == [0, len(questions[-1].answers)]
    assert len(keep.read_text(encoding="utf-8").splitlines()) == len(lines)


def test_a_half_written_question_is_judged_again(questions: list[GradedQuestion], tmp_path: Path) -> None:
    keep = tmp_path / "kept.jsonl"
    run_forms(questions[:1], lambda form: ScriptedJudge(), forms=FORMS[:1], keep=keep)
    lines = keep.read_text(encoding="utf-8").splitlines()
    keep.write_text(lines[0] + "\n", encoding="utf-8")
    judge = _RecordingJudge()
    run_forms(questions[:1], lambda form: judge, forms=FORMS[:1], keep=keep)
    assert len(judge.texts) == len(questions[0].answers) > 1
