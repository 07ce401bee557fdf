"""What candidates may see of a rubric: the names of its criteria, as far as these keep the key."""

from __future__ import annotations

from collections.abc import Iterator

from vivavoce.rubrics import Language, Rubric
from vivavoce.rubrics.lint import leaks_key

from ..reading.normal_text import split_sentences
from ..reading.terms import terms

_UNNAMED: dict[Language, str] = {"en": "point {number} of the rubric", "zh": "评分标准第 {number} 项"}


def names_for_candidates(rubric: Rubric, language: Language) -> dict[str, str]:
    """A name for each criterion, by identifier: its title, or its number where the title would give the key away.

    A title does that when it has most of the telling words of a level, an expected point or a sentence of a reference,
    those of the question left aside.
    """
    asked = terms(rubric.question.text)
    keys = [terms(text) - asked for text in _key_of(rubric)]
    return {
        criterion.id: _UNNAMED[language].format(number=number)
        if any(leaks_key(terms(criterion.title) - asked, key=key) for key in keys)
        else criterion.title
        for number, criterion in enumerate(rubric.criteria, start=1)
    }


def _key_of(rubric: Rubric) -> Iterator[str]:
    """What a full answer says, sentence by sentence."""
    for reference in rubric.references:
        yield from (reference.text[start:end] for start, end in split_sentences(reference.text))
    yield from (point.text for point in rubric.expected_points)
    yield from (level.description for criterion in rubric.criteria for level in criterion.levels[1:])
