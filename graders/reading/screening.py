"""Screening: facts about an answer before any model reads it.

An answer may be settled: it is empty, says "I don't know", or copies the question. Then it scores 0 and no judge is
called. Its score may also be left open, since what is there cannot be read: a picture, an error value of a spreadsheet,
a transcript without speakers. In all other answers some sentences are left out, so that adding them to an answer earns
nothing: those that address the grader (masked, and flagged for a person's review), filler, lists of names, sentences
that bear on nothing in the key, and repetitions.
"""

from __future__ import annotations

import bisect
import hashlib
import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from vivavoce.rubrics import Rubric

from ..types import OPEN_FACTS, Flag
from . import injection, name_lists, non_answer, normal_text, placeholders, reading_limit
from .injection import find_injections
from .name_lists import asks_for_names, only_names
from .non_answer import filler_terms, find_substantive_terms, is_non_answer
from .normal_text import NormalText
from .placeholders import is_error_value, is_placeholder
from .relevance import SentenceFilter
from .sentence_classifier import SentenceClassifier, training_filler_terms
from .terms import terms

# Share of the question's words, in order, that makes a copy.
_COPY_SHARE = 0.75
# What is left can still earn points; no masking is without doubt.
_LEAST_MASKED_SHARE, _MOST_MASKED_SHARE = 0.01, 0.95
# Figures, code, and an open parenthesis: never filler.
_FIGURE_OR_CODE = re.compile(r"[\d`=<>{}\[\]\\|#$_]|\w\(|\([^)]*$")


@dataclass(frozen=True)
class Screening:
    """Result of the screening; all spans are bounds in the normal text.

    `settled` is the fact that makes the score 0 or leaves it open, or None. `flags` has that fact too, and everything
    else to report. If nothing but masked passages was written, that fact is `injection_suspected`. `masked_share` (0 to
    1) is the part of the content that is masked.
    No model reads the sentences in `masked` (they address the grader), `filler` (they say nothing or only name things),
    `unrelated` (they bear on nothing in the key), `repeated` (an earlier sentence has the same words) and `skipped`
    (the answer is longer than what models read). `sentences` has the rest, which models read.
    """

    settled: Flag | None
    flags: tuple[Flag, ...]
    masked: tuple[tuple[int, int], ...]
    filler: tuple[tuple[int, int], ...]
    sentences: tuple[tuple[int, int], ...]
    unrelated: tuple[tuple[int, int], ...] = ()
    repeated: tuple[tuple[int, int], ...] = ()
    masked_share: float = 0.0
    skipped: tuple[tuple[int, int], ...] = ()


def screen(answer: NormalText, rubric: Rubric, classifier: SentenceClassifier | None = None) -> Screening:
    """Screen an answer to a rubric's question.

    If `classifier` is None, only lists of names count as filler, and only patterns find sentences that address the
    grader.
    """
    bounds, skipped = _limit_reading(answer, rubric)
    known_terms = _collect_key_terms(rubric) | terms(rubric.question.text)
    injections = find_injections(answer.text, bounds, known_terms, classifier)
    masked = injections.masked
    kept = _leave_out_overlapping(bounds, masked)
    # Only the whole answer can show that it says nothing.
    rest = "\n".join(answer.text[start:end] for start, end in sorted((*kept, *skipped)))

    flags: list[Flag] = []
    if answer.hidden:
        flags.append(Flag.HIDDEN_CHARACTERS)
    beyond = "\n".join(answer.text[start:end] for start, end in skipped)
    if injections.suspected or injection.holds_attack(answer.hidden_text, classifier) or injection.holds_attack(beyond):
        flags.append(Flag.INJECTION_SUSPECTED)
    if answer.pictures:
        flags.append(Flag.UNREAD_PICTURE)
    settled = _find_settling_fact(rest, rubric)
    if not settled and not kept:
        # Whatever is within the limit of reading is masked.
        settled = Flag.INJECTION_SUSPECTED
    # The answer may stand in the picture.
    if settled and answer.pictures:
        settled = Flag.UNREAD_PICTURE
    elif settled is Flag.EMPTY and injections.suspected:
        settled = Flag.INJECTION_SUSPECTED
    if settled and settled not in flags:
        flags.append(settled)
    elif skipped and not settled:
        flags.append(Flag.PARTLY_READ)
    filler = () if settled else _find_filler(answer, kept, rubric, classifier)
    content = _leave_out(kept, filler)
    repeated = () if settled else _find_repeated(answer, content)
    return Screening(
        settled=settled,
        flags=tuple(flags),
        masked=tuple(masked),
        filler=filler,
        sentences=_leave_out(content, repeated),
        repeated=repeated,
        masked_share=1.0 if settled is Flag.INJECTION_SUSPECTED else _weigh_masked(answer, masked, rest, rubric),
        skipped=() if settled else _join_neighbours(answer, skipped),
    )


def screening_revision(classifier: SentenceClassifier | None) -> str:
    """Identifies the screening: 12 hex digits of a hash over its rules, and the revision of the classifiers if any."""
    return f"{_hash_rules()} {classifier.revision}" if classifier else _hash_rules()


@cache
def _hash_rules() -> str:
    rules = (
        *(*injection.list_rules(), *non_answer.RULES, *placeholders.RULES, *name_lists.RULES, *reading_limit.RULES),
        *(_COPY_SHARE, _FIGURE_OR_CODE.pattern),
        *_read_sources(),
    )
    return hashlib.sha256(repr(rules).encode()).hexdigest()[:12]


def _read_sources() -> Iterator[bytes]:
    """The code that turns a raw answer into what is screened: markup, speakers, script and language."""
    folder = Path(__file__).parent
    for path in sorted((*folder.glob("markup/*.py"), *folder.glob("speakers/*.py"))):
        yield path.read_bytes()
    for name in ("chinese_script.py", "language.py", "normal_text.py"):
        yield (folder / name).read_bytes()


def leave_open(screening: Screening, fact: Flag) -> Screening:
    """The screening of an answer whose score a fact leaves open: no model reads anything of it."""
    flags = tuple(flag for flag in screening.flags if flag is not screening.settled or flag in OPEN_FACTS)
    return replace(screening, settled=fact, flags=(*flags, fact), filler=(), sentences=(), repeated=())


def leave_out_unrelated(
    answer: NormalText, screening: Screening, rubric: Rubric, relevance: SentenceFilter
) -> Screening:
    """The screening with irrelevant sentences moved to `unrelated`.

    It is unchanged if the answer is settled or if no sentence is relevant.
    """
    if screening.settled:
        return screening
    is_relevant = relevance.is_relevant([answer.text[start:end] for start, end in screening.sentences], rubric)
    # The models then decide what such an answer is worth.
    if not any(is_relevant):
        return screening
    return replace(
        screening,
        sentences=tuple(itertools.compress(screening.sentences, is_relevant)),
        unrelated=tuple(span for span, relevant in zip(screening.sentences, is_relevant, strict=True) if not relevant),
    )


def _weigh_masked(answer: NormalText, masked: Sequence[tuple[int, int]], rest: str, rubric: Rubric) -> float:
    """Share (0 to 1) of an answer's content words that are masked, or of those that the key has if that is more."""
    if not masked:
        return 0.0
    masked_terms = terms("\n".join(answer.text[start:end] for start, end in masked)) - terms(rest)
    key_terms = _collect_key_terms(rubric)
    share = max(
        len(part) / len(part | whole)
        for part, whole in ((masked_terms, terms(rest)), (masked_terms & key_terms, terms(rest) & key_terms or {""}))
    )
    return round(min(max(share, _LEAST_MASKED_SHARE), _MOST_MASKED_SHARE), 3)


def _limit_reading(
    answer: NormalText, rubric: Rubric
) -> tuple[tuple[tuple[int, int], ...], tuple[tuple[int, int], ...]]:
    """Bounds of the sentences that are within the limit of reading, and of those beyond it."""
    bounds = normal_text.split_sentences(answer.text)
    is_chosen = reading_limit.choose_sentences([answer.text[start:end] for start, end in bounds], rubric)
    chosen = tuple(itertools.compress(bounds, is_chosen))
    return chosen, _leave_out(bounds, chosen)


def _join_neighbours(answer: NormalText, spans: Sequence[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """The spans, in order; those with no letter or digit between them become one."""
    joined: list[tuple[int, int]] = []
    for start, end in spans:
        if joined and not any(map(str.isalnum, answer.text[joined[-1][1] : start])):
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return tuple(joined)


def _find_repeated(answer: NormalText, sentences: Sequence[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """The sentences that have the same words, in the same order, as an earlier one."""
    seen: set[tuple[str, ...]] = set()
    repeated = []
    for start, end in sentences:
        words = tuple(normal_text.words(answer.text[start:end]))
        if words in seen:
            repeated.append((start, end))
        seen.add(words)
    return tuple(repeated)


def _find_filler(
    answer: NormalText, kept: Sequence[tuple[int, int]], rubric: Rubric, classifier: SentenceClassifier | None
) -> tuple[tuple[int, int], ...]:
    """The sentences that say nothing, only name things, or are likely to address the grader; none if all are such.

    A sentence with a figure, code, or a content word of question or key is no filler, unless the training sentences of
    the filler classifier have that word.
    """
    sentences = [answer.text[start:end] for start, end in kept]
    keys = list_key_texts(rubric)
    filler: set[int] = set()
    if not asks_for_names(rubric):
        filler = {index for index, sentence in enumerate(sentences) if only_names(sentence, keys)}
    if candidates := _find_filler_candidates(sentences, classifier):
        subject_terms = (_collect_key_terms(rubric) | terms(rubric.question.text)) - training_filler_terms()
        filler |= {
            index
            for index in candidates
            if not _FIGURE_OR_CODE.search(sentences[index]) and not terms(sentences[index]) & subject_terms
        }
    # Nothing would be left to read: let the models decide.
    return tuple(kept[index] for index in sorted(filler)) if len(filler) < len(kept) else ()


def _find_filler_candidates(sentences: Sequence[str], classifier: SentenceClassifier | None) -> list[int]:
    """Indices of the sentences that the classifier takes for filler, or for likely to address the grader."""
    if classifier is None:
        return []
    either = zip(
        classifier.is_filler(sentences), classifier.addresses_grader(sentences, certainty="likely"), strict=True
    )
    return [index for index, verdicts in enumerate(either) if any(verdicts)]


def _find_settling_fact(rest: str, rubric: Rubric) -> Flag | None:
    """The fact that makes the unmasked part of an answer worth nothing, or unreadable; None if there is none."""
    if not any(character.isalnum() for character in rest):
        return Flag.EMPTY
    question = terms(rubric.question.text)
    key_terms = _collect_key_terms(rubric)
    key = list_key_texts(rubric)
    if is_error_value(rest) and not any(rest.casefold() in text.casefold() for text in [rubric.question.text, *key]):
        return Flag.ANSWER_LOST
    # "What does a dead server send?" "No response."
    if is_placeholder(rest, rubric.question.text, key):
        return Flag.NON_ANSWER
    if is_non_answer(rest, question, key_terms | question):
        return Flag.NON_ANSWER
    if _is_copied(rest, rubric.question.text, key_terms - question - filler_terms()):
        return Flag.COPIED_QUESTION
    return None


def _is_copied(rest: str, question: str, key_terms: frozenset[str]) -> bool:
    """Whether the answer has at least three quarters of the question's words in order, and nothing else.

    Nothing else means: no substantive term beside the question's, and none of `key_terms`. A smaller share would not
    do, because a correct answer may use the question's own words ("the bulb will light").
    """
    # Imported late: processes that only show reports need no rapidfuzz.
    from rapidfuzz.distance import LCSseq

    if find_substantive_terms(rest) - terms(question) or terms(rest) & key_terms:
        return False
    question_words = normal_text.words(question)
    common = LCSseq.similarity(normal_text.words(rest), question_words)
    return bool(question_words) and common >= _COPY_SHARE * len(question_words)


def _collect_key_terms(rubric: Rubric) -> frozenset[str]:
    return terms("\n".join(list_key_texts(rubric)))


def list_key_texts(rubric: Rubric) -> list[str]:
    """Expected points, references and descriptions of all levels."""
    texts = [point.text for point in rubric.expected_points]
    texts += [reference.text for reference in rubric.references]
    texts += [level.description for criterion in rubric.criteria for level in criterion.levels]
    return texts


def _leave_out(spans: Sequence[tuple[int, int]], others: Sequence[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """The spans that are not among the others."""
    unwanted = frozenset(others)
    return tuple(span for span in spans if span not in unwanted)


def _leave_out_overlapping(
    spans: Sequence[tuple[int, int]], others: Sequence[tuple[int, int]]
) -> tuple[tuple[int, int], ...]:
    """The spans that share no character with the others, which are in order and apart."""
    ends = [end for _, end in others]

    def is_apart(start: int, end: int) -> bool:
        following = bisect.bisect_right(ends, start)
        return following == len(others) or others[following][0] >= end

    return tuple((start, end) for start, end in spans if is_apart(start, end))
