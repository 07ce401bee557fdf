from __future__ import annotations

from functools import cache

import pytest

from vivavoce.evaluation.training import sentence_classifier
from vivavoce.evaluation.training.sentence_classifier import Examples
from vivavoce.graders.reading.sentence_classifier.classifier import KINDS, Kind, load_training_sentences


@cache
def read_examples(kind: Kind) -> Examples:
    return sentence_classifier.read_examples(kind)


@pytest.mark.parametrize("kind", KINDS)
def test_no_sentence_is_of_the_kind_and_of_content(kind: Kind) -> None:
    examples = read_examples(kind)
    assert len(examples.of_kind) > 100
    assert len(examples.others) > 1000
    assert set(examples.of_kind) & set(examples.content) == set()


@pytest.mark.parametrize("kind", KINDS)
def test_both_languages_are_learned(kind: Kind) -> None:
    sentences = load_training_sentences(kind)
    assert set(sentences) == {kind, "content"}
    for by_language in sentences.values():
        # As many of each, so that the language itself tells nothing.
        assert 0.9 < len(by_language["en"]) / len(by_language["zh"]) < 1.1


def test_filler_is_content_to_the_classifier_of_injections() -> None:
    filler = set(read_examples("filler").of_kind)
    others = set(read_examples("injection").others)
    assert len(filler & others) > 0.9 * len(filler)


def test_empty_handed_answers_are_not_held_against_injections() -> None:
    # They speak about themselves, as injections do.
    assert len(set(read_examples("filler").others) - set(read_examples("injection").others)) > 50
