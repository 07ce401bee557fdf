"""What can be said of an answer before any model reads it.

Two things come out. A settled answer (empty, "I don't know", the question copied) scores 0 by a fact
about the answer, and no judge is called. In any other, sentences that speak to the grader instead of
to the question are masked: the models read the rest, the report flags it, and a person looks. Sentences of mere talk
and lists of mere names are left out too, as are those that bear on nothing in the key and those that are said twice:
who adds to an answer gets for it what the answer alone would get.
"""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

from vivavoce.rubrics import Rubric

from ..types import Flag
from . import injection, name_lists, non_answer, normal_text
from .injection import find_injections
from .name_lists import asks_for_names, only_names
from .non_answer import filler_terms, is_placeholder, says_it_does_not_know, substance
from .normal_text import NormalText
from .relevance import SentenceFilter
from .sentence_classifier import SentenceClassifier, training_filler_terms
from .terms import terms

_COPY_SHARE = 0.75
# Figures and code are no talk, whatever stands beside them; nor is what opens a parenthesis and breaks off.
_FIGURE_OR_CODE = re.compile(r"[\d`=<>{}\[\]\\|#$_]|\w\(|\([^)]*$")


@dataclass(frozen=True)
class Screening:
    """What screening found.

    `settled` is the fact that makes the score 0, or None; `flags` holds it too, with what else was
    noticed. The sentences, in the normal text, that no model is to read are bounded by `masked` (they speak to the
    grader), `filler` (they say nothing, or only name things), `unrelated` (they bear on nothing that is asked for) and
    `repeated` (they stand in the answer before); `sentences` bounds the rest.
    """

    settled: Flag | None
    flags: tuple[Flag, ...]
    masked: tuple[tuple[int, int], ...]
    filler: tuple[tuple[int, int], ...]
    sentences: tuple[tuple[int, int], ...]
    unrelated: tuple[tuple[int, int], ...] = ()
    repeated: tuple[tuple[int, int], ...] = ()


def screen(answer: NormalText, rubric: Rubric, kinds: SentenceClassifier | None = None) -> Screening:
    """Look an answer over; the rubric tells what would count as an attempt.

    Without `kinds` nothing counts as talk but lists of names, and patterns alone tell what speaks to the grader.
    """
    bounds = normal_text.split_sentences(answer.text)
    injections = find_injections(answer.text, bounds, _vocabulary(rubric) | terms(rubric.question.text), kinds)
    masked = injections.masked
    kept = tuple((start, end) for start, end in bounds if not _overlaps((start, end), masked))
    rest = "\n".join(answer.text[start:end] for start, end in kept)

    flags: list[Flag] = []
    if answer.hidden:
        flags.append(Flag.HIDDEN_CHARACTERS)
    if injections.suspected:
        flags.append(Flag.INJECTION_SUSPECTED)
    settled = _settle(rest, rubric)
    if settled:
        flags.append(settled)
    filler = () if settled else _find_filler(answer, kept, rubric, kinds)
    said = tuple(bounds for bounds in kept if bounds not in filler)
    repeated = () if settled else _repeated(answer, said)
    return Screening(
        settled=settled,
        flags=tuple(flags),
        masked=tuple(masked),
        filler=filler,
        sentences=tuple(bounds for bounds in said if bounds not in repeated),
        repeated=repeated,
    )


def screening_revision(kinds: SentenceClassifier | None) -> str:
    """What tells this screening from another: 12 hex digits over its patterns and bounds, and the classifiers'."""
    return f"{_rules_hash()} {kinds.revision}" if kinds else _rules_hash()


@cache
def _rules_hash() -> str:
    rules = (*injection.list_rules(), *non_answer.RULES, *name_lists.RULES, _COPY_SHARE, _FIGURE_OR_CODE.pattern)
    return hashlib.sha256(repr(rules).encode()).hexdigest()[:12]


def leave_out_unrelated(answer: NormalText, found: Screening, rubric: Rubric, relevance: SentenceFilter) -> Screening:
    """The screening without sentences that bear on nothing in the key; all of them where none does."""
    if found.settled:
        return found
    is_relevant = relevance.is_relevant([answer.text[start:end] for start, end in found.sentences], rubric)
    if not any(is_relevant):
        return found
    return replace(
        found,
        sentences=tuple(itertools.compress(found.sentences, is_relevant)),
        unrelated=tuple(bounds for bounds, one in zip(found.sentences, is_relevant, strict=True) if not one),
    )


def _repeated(answer: NormalText, said: Sequence[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Sentences that have the words of one before them; saying it again makes no point twice."""
    seen: set[tuple[str, ...]] = set()
    found = []
    for start, end in said:
        words = tuple(normal_text.words(answer.text[start:end]))
        if words in seen:
            found.append((start, end))
        seen.add(words)
    return tuple(found)


def _find_filler(
    answer: NormalText, kept: Sequence[tuple[int, int]], rubric: Rubric, kinds: SentenceClassifier | None
) -> tuple[tuple[int, int], ...]:
    """Sentences that say nothing, only name things or seem to speak to the grader; none where that would leave nothing.

    For then the models are to say what it is worth. What has a figure, code, or a word of question or key that talk is
    not made of says something.
    """
    sentences = [answer.text[start:end] for start, end in kept]
    keys = _key_texts(rubric)
    found: set[int] = set()
    if not asks_for_names(rubric):
        found = {place for place, sentence in enumerate(sentences) if only_names(sentence, keys)}
    if idle := _list_idle(sentences, kinds):
        telling = (_vocabulary(rubric) | terms(rubric.question.text)) - training_filler_terms()
        found |= {
            place
            for place in idle
            if not _FIGURE_OR_CODE.search(sentences[place]) and not terms(sentences[place]) & telling
        }
    return tuple(kept[place] for place in sorted(found)) if len(found) < len(kept) else ()


def _list_idle(sentences: Sequence[str], kinds: SentenceClassifier | None) -> list[int]:
    """The places of sentences that say nothing or are likely to speak to the grader."""
    if kinds is None:
        return []
    either = zip(kinds.is_filler(sentences), kinds.addresses_grader(sentences, certainty="likely"), strict=True)
    return [place for place, kind in enumerate(either) if any(kind)]


def _settle(rest: str, rubric: Rubric) -> Flag | None:
    """The fact about what is left of the answer that makes it worth nothing, if there is one."""
    if not any(character.isalnum() for character in rest):
        return Flag.EMPTY
    question = terms(rubric.question.text)
    known = _vocabulary(rubric) - question - filler_terms()
    # Made of the key's own words it may be the answer: what does a dead server send? No response.
    if is_placeholder(rest) and not (terms(rest) and terms(rest) <= _vocabulary(rubric) | question):
        return Flag.NON_ANSWER
    if says_it_does_not_know(rest, question):
        return Flag.NON_ANSWER
    if _is_copied(rest, rubric.question.text, known):
        return Flag.COPIED_QUESTION
    return None


def _is_copied(rest: str, question: str, known: frozenset[str]) -> bool:
    """Whether this is nearly the whole question, in its order, and no telling or `known` word beside it.

    Less would not do: what is right is often said in the question's own words ("the bulb will light").
    """
    # Imported late: a process that only shows reports has no need of it.
    from rapidfuzz.distance import LCSseq

    if substance(rest) - terms(question) or terms(rest) & known:
        return False
    asked = normal_text.words(question)
    return bool(asked) and LCSseq.similarity(normal_text.words(rest), asked) >= _COPY_SHARE * len(asked)


def _vocabulary(rubric: Rubric) -> frozenset[str]:
    return terms("\n".join(_key_texts(rubric)))


def _key_texts(rubric: Rubric) -> list[str]:
    parts = [point.text for point in rubric.expected_points]
    parts += [reference.text for reference in rubric.references]
    parts += [level.description for criterion in rubric.criteria for level in criterion.levels]
    return parts


def _overlaps(span: tuple[int, int], others: Sequence[tuple[int, int]]) -> bool:
    return any(span[0] < end and start < span[1] for start, end in others)
