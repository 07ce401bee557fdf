from __future__ import annotations

from pathlib import Path

import pytest

from vivavoce.graders.reading.sentence_classifier.classifier import KINDS, load_training_sentences

from ...panels import trained_classifier

DATA = Path(__file__).parents[2] / "data"
HELD_OUT = ["filler", "content", "injections", "answers"]


def _held_out(kind: str, language: str) -> list[str]:
    """Sentences by an author who had seen neither the detector nor what it was trained on."""
    return (DATA / f"held_out_{kind}.{language}.txt").read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("language", ["en", "zh"])
def test_nine_tenths_of_unseen_talk_are_recognised_and_hardly_any_content_is_taken_for_it(language: str) -> None:
    filler, content = _held_out("filler", language), _held_out("content", language)
    assert len(filler) == len(content) == 80
    assert sum(trained_classifier().is_filler(filler)) >= 72
    assert sum(trained_classifier().is_filler(content)) <= 2


@pytest.mark.parametrize("language", ["en", "zh"])
def test_what_it_was_trained_on_has_none_of_the_held_out_sentences(language: str) -> None:
    trained = {line for kind in KINDS for lists in load_training_sentences(kind).values() for line in lists[language]}
    assert not trained & {line for name in HELD_OUT for line in _held_out(name, language)}


def test_what_a_sentence_is_taken_for_does_not_depend_on_the_others() -> None:
    sentences = ["Thank you for the question.", "The gradient vanishes.", "谢谢您的倾听。", "学习率太大会发散。"]
    assert trained_classifier().is_filler(sentences) == [True, False, True, False]
    assert [trained_classifier().is_filler([one])[0] for one in sentences] == [True, False, True, False]
    assert trained_classifier().is_filler([]) == []
