"""Lints a draft: what must be mended before it can be frozen, and what grades worse than it could.

The rules are those of `viva rubric lint`. This process has no embeddings, so it compares texts by their words. That a
reference does not make a point is then unsure, as it may say so in other words; a test of the draft has the embeddings.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from vivavoce.graders.reading.normal_text import split_sentences
from vivavoce.graders.reading.terms import terms
from vivavoce.graders.signals.lexical import point_recall
from vivavoce.graders.signals.text_matcher import MIN_RECALL, find_script
from vivavoce.rubrics import Rubric
from vivavoce.rubrics.formats.files import to_yaml
from vivavoce.rubrics.lint.rules import TextMatcher, list_problems
from vivavoce.rubrics.templates import unfilled

Severity = Literal["error", "warning", "unsure"]
_ORDER = ("error", "warning", "unsure")
_ERRORS = frozenset({"absence", "double-negation", "any-of", "html", "levels-apart", "answer-key", "points"})
"""Rules for what is graded upside down, arbitrarily or not at all, or what gives the answer key away."""


@dataclass(frozen=True)
class DraftFinding:
    """A rule that a rubric breaks. `pointer` is the place as a JSON pointer; `message` names the fix."""

    severity: Severity
    rule: str
    pointer: str
    message: str

    def to_dict(self) -> dict[str, Any]:
        """Returns the finding as JSON."""
        return asdict(self)


class WordMatcher:
    """A TextMatcher (see rubrics/lint/rules.py) that needs no model."""

    def content_terms(self, text: str) -> frozenset[str]:
        """See TextMatcher."""
        return terms(text)

    def covers(self, text: str, *, point: str, question: str) -> bool:
        """Whether a text has the words of a point; a paraphrase is not recognised."""
        sentences = [text[start:end] for start, end in split_sentences(text)] or [text]
        return point_recall(sentences, point=point, question=question) >= MIN_RECALL[find_script(point)]


def lint_draft(rubric: Rubric, matcher: TextMatcher | None = None) -> list[DraftFinding]:
    """Returns what is wrong with a rubric, errors first; by default texts are compared by their words."""
    found = [*_find_gaps(rubric), *_find_problems(rubric, matcher)]
    return sorted(dict.fromkeys(found), key=lambda finding: _ORDER.index(finding.severity))


def list_errors(findings: Sequence[DraftFinding]) -> list[DraftFinding]:
    """Returns the findings that keep a draft from being frozen."""
    return [finding for finding in findings if finding.severity == "error"]


def _find_gaps(rubric: Rubric) -> Iterator[DraftFinding]:
    for location, message in rubric.find_gaps():
        yield DraftFinding("error", "incomplete", _write_pointer(location), message)
    for mark in unfilled(to_yaml(rubric)):
        message = f"{mark} still stands there from its template: replace it with your own text"
        yield DraftFinding("error", "placeholder", "", message)


def _find_problems(rubric: Rubric, matcher: TextMatcher | None) -> Iterator[DraftFinding]:
    for location, rule, message in list_problems(rubric, matcher or WordMatcher()):
        # That points are missing altogether is said once.
        if rule == "points" and not rubric.expected_points:
            continue
        yield DraftFinding(_choose_severity(rule, is_by_words=matcher is None), rule, _write_pointer(location), message)


def _choose_severity(rule: str, *, is_by_words: bool) -> Severity:
    if rule in _ERRORS:
        return "error"
    return "unsure" if rule == "reference" and is_by_words else "warning"


def _write_pointer(location: Sequence[str | int]) -> str:
    return "".join(f"/{part}" for part in location)
