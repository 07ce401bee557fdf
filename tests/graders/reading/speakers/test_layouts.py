"""Layouts of programs that write transcripts, and what only looks like one."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import yaml

from vivavoce.graders import AnswerInput, Flag
from vivavoce.graders.reading.normal_text import normalise
from vivavoce.graders.reading.screened_answer import ScreenedAnswer
from vivavoce.graders.reading.speakers import read_dialogue
from vivavoce.rubrics import Rubric

DATA = Path(__file__).parents[3] / "data" / "transcripts.yaml"
SAID = "It stores weights in eight bits."
ASKED = "What does INT8 do to a model?"
SAID_ZH, ASKED_ZH = "它把权重存成八位整数。", "INT8 对模型做了什么？"


def _read(raw: str, rubric: Rubric, candidate: str | None = None) -> ScreenedAnswer:
    return ScreenedAnswer.from_answer(AnswerInput(raw, candidate=candidate), rubric)


LAYOUTS: dict[str, list[str]] = yaml.safe_load(DATA.read_text(encoding="utf-8"))


@pytest.mark.parametrize("layout", LAYOUTS["english"])
def test_english_layouts_keep_the_candidates_words(layout: str, rubric: Rubric) -> None:
    assert _read(layout.format(q=ASKED, a=SAID), rubric).sentences == [SAID]


@pytest.mark.parametrize("layout", LAYOUTS["chinese"])
def test_chinese_layouts_keep_the_candidates_words(layout: str, rubric: Rubric) -> None:
    assert _read(layout.format(q=ASKED_ZH, a=SAID_ZH), rubric).sentences == [SAID_ZH]


@pytest.mark.parametrize("layout", LAYOUTS["unclear"])
def test_two_voices_without_roles_go_to_a_person(layout: str, rubric: Rubric) -> None:
    answer = _read(layout.format(q=ASKED, a=SAID), rubric)
    assert answer.screening.settled is Flag.SPEAKERS_UNCLEAR
    assert answer.sentences == []


@pytest.mark.parametrize("raw", LAYOUTS["monologues"])
def test_one_voice_with_time_stamps_is_graded(raw: str, rubric: Rubric) -> None:
    answer = _read(raw, rubric)
    assert answer.screening.settled is None
    assert answer.sentences
    assert not any("-->" in sentence or "[00:" in sentence for sentence in answer.sentences)


@pytest.mark.parametrize("raw", LAYOUTS["honest"])
def test_an_honest_answer_of_this_look_is_read_whole(raw: str, rubric: Rubric) -> None:
    answer = _read(raw, rubric)
    assert answer.unread["context"] == ()
    assert Flag.SPEAKERS_UNCLEAR not in answer.screening.flags


@pytest.mark.parametrize(
    ("raw", "candidate"),
    [
        ("Anna: {q}\nBen: {a}\nAnna: And why.\nBen: {a}", "Ben"),
        ("Weber, Tom   0:03\n{q}\n\nNair, Priya   0:09\n{a}", "Priya Nair"),
        ("腾讯会议用户A(00:00:05): {q}\npriya_n(00:00:09): {a}", "priya_n"),
        ("0:0:3.420 --> 0:0:7.80\nTom Weber\n{q}\n\n0:0:8.1 --> 0:0:12.5\nPriya Nair\n{a}", "Priya Nair"),
        ("09:31:02 From Tom Weber to Everyone: {q}\n09:31:20 From Priya Nair to Everyone: {a}", "Priya Nair"),
        ("说话人 1 00:00:03\n{q}\n\n张三 00:00:10\n{a}", "张三"),
    ],
)
def test_the_candidates_name_opens_unclear_transcripts(raw: str, candidate: str, rubric: Rubric) -> None:
    assert SAID in _read(raw.format(q=ASKED, a=SAID), rubric, candidate).sentences
    assert ASKED not in _read(raw.format(q=ASKED, a=SAID), rubric, candidate).sentences


def test_labels_that_are_words_of_the_key_are_no_people(rubric: Rubric) -> None:
    raw = "Weights: are stored.\nActivations: I scale them.\nWeights: why so?\nActivations: they vary."
    assert _read(raw, rubric).unread["context"] == ()
    assert Flag.SPEAKERS_UNCLEAR not in _read(raw, rubric).screening.flags


@pytest.mark.parametrize(
    "piece",
    [
        "Interviewer: a? ",
        "Anna: a. ",
        "[00:01] ",
        "Q. a? ",
        "面试官：",
        "00:01\n",
        "[Candidate] a ",
        "A: a? ",
        "**Me** a\n",
        "「a？」",
        "- a?\n",
    ],
)
def test_reading_speakers_takes_time_in_proportion(piece: str) -> None:
    raw = piece * (20_000 // len(piece))
    started = time.process_time()
    read_dialogue(normalise(raw).text)
    assert time.process_time() - started < 4
