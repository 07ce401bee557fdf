"""Names of criteria that candidates may see: titles, unless they reveal the answer key."""

from __future__ import annotations

from collections.abc import Iterator

from vivavoce.rubrics import Language, Rubric
from vivavoce.rubrics.lint.rules import leaks_key

from ..reading.normal_text import split_sentences
from ..reading.terms import terms

_UNNAMED: dict[Language, str] = {"en": "criterion {number} of the rubric", "zh": "评分标准第 {number} 项"}


def names_for_candidates(rubric: Rubric, language: Language) -> dict[str, str]:
    """A name for each criterion, by identifier: its title, or its number if the title would reveal the key.

    A title reveals the key if it has most of the content words of a level, an expected point or a sentence of a
    reference; words of the question do not count.
    """
    asked = terms(rubric.question.text)
    keys = [terms(text) - asked for text in _list_key_texts(rubric)]
    return {
        criterion.id: _UNNAMED[language].format(number=number)
        if any(leaks_key(terms(criterion.title) - asked, key=key) for key in keys)
        else criterion.title
        for number, criterion in enumerate(rubric.criteria, start=1)
    }


def _list_key_texts(rubric: Rubric) -> Iterator[str]:
    """The statements of the answer key: reference sentences, expected points and level descriptions."""
    for reference in rubric.references:
        # No title has most words of a whole reference.
        yield from (reference.text[start:end] for start, end in split_sentences(reference.text))
    yield from (point.text for point in rubric.expected_points)
    yield from (level.description for criterion in rubric.criteria for level in criterion.levels[1:])
