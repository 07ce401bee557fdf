"""What is wrong with a rubric beyond its form: rules of rubric writing, each finding with file and line.

A rubric that breaks them is graded all the same, but worse: two constructs in one criterion cannot be told apart, a
word like *thorough* pays for length, a level that touches the next is a coin toss.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, get_args

from .errors import RubricError
from .hashing import content_hash, structure_hash
from .levels import overlapping_levels
from .loader import line_of, load_rubric, read_text
from .model import Criterion, Language, OrdinalCriterion, Rubric
from .qualification import IN_ORDER, load_qualification
from .versions import LEDGER, latest, read_ledger

FULL_POINTS = 10.0
_FEWEST, _MOST = 3, 6
# Two statements share this much of the telling words of the shorter one: they ask for the same.
_OVERLAP = 0.75
# A text that candidates see has this much of the telling words of an expected point, and so gives it away.
_GIVEN_AWAY = 0.6
_LEAST_TERMS = 4
_SAYS = (
    "explains? says? names? describes? gives? mentions? states? notes? identifies proposes? argues? lists? "
    r"points\sout"
).split()
_JOINED: dict[Language, re.Pattern[str]] = {
    "en": re.compile(rf"\b(?:and|as well as)(?: also)? (?:{'|'.join(_SAYS)})\b", re.IGNORECASE),
    "zh": re.compile(r"(?:并且?|以及|同时|而且|还)(?:说明|指出|提到|描述|给出|解释|列出|强调|提出|说出|举出)"),
}
_INNER: dict[Language, re.Pattern[str]] = {
    "en": re.compile(
        r"(?:^|\b(?:answer|candidate) )(?:shows? (?:an? |the )?)?(?:good |clear |deep )?"
        r"(?:understand\w*|knows?|knowledge|aware\w*|is aware|is familiar|appreciates?|grasps?|demonstrates?)\b"
        r"|\b(?:appropriately|adequately|clearly|properly|convincingly)\b",
        re.IGNORECASE,
    ),
    "zh": re.compile(r"^(?:回答|考生|候选人)?(?:.{0,3})(?:理解了?|了解|掌握|懂得|知道|意识到)|清楚地|恰当地|适当地"),
}
_LENGTH: dict[Language, re.Pattern[str]] = {
    "en": re.compile(
        r"\b(?:detailed|in (?:great |full )?detail|thorough(?:ly)?|comprehensive(?:ly)?|in[- ]depth|extensive(?:ly)?"
        r"|at length|well[- ]structured|elaborately|at least \w+ (?:words|sentences|characters|paragraphs))\b",
        re.IGNORECASE,
    ),
    "zh": re.compile(
        r"详细|详尽|全面地|全面阐|深入地|深入分析|条理清|篇幅|字数|至少[一两三四五六七八九十百\d]+(?:个|百|千|条)?(?:字|句)"
    ),
}


@dataclass(frozen=True, order=True)
class Finding:
    """What is wrong, where, and the rule that says so."""

    file: Path
    line: int
    rule: str
    message: str

    def __str__(self) -> str:
        """As compilers print it."""
        return f"{self.file}:{self.line}: {self.message} [{self.rule}]"


class TextMatcher(Protocol):
    """What reads the texts of a rubric for its sense; the graders have one."""

    def terms(self, text: str) -> frozenset[str]:
        """The telling words of a text."""

    def says(self, text: str, *, point: str, question: str) -> bool:
        """Whether a text makes a point."""


def lint(paths: Sequence[Path], reader: TextMatcher) -> list[Finding]:
    """All findings in rubric files and banks (folders with `zh/` and `en/`), in order of place.

    A file that cannot be read or describes no rubric is one finding.
    """
    found: list[Finding] = []
    for path in paths:
        if path.is_dir():
            found += _bank_findings(path, reader)
        else:
            found += _file_findings(path, reader)[1]
    return sorted(set(found))


def _file_findings(path: Path, reader: TextMatcher) -> tuple[Rubric | None, list[Finding]]:
    try:
        rubric = load_rubric(path)
    except RubricError as error:
        line = re.search(r", line (\d+)", str(error))
        return None, [Finding(path, int(line[1]) if line else 1, "form", str(error).rstrip("."))]
    text = read_text(path)
    return rubric, [
        Finding(path, line_of(text, *place), rule, message) for place, rule, message in _problems(rubric, reader)
    ]


_Problem = tuple[tuple[str | int, ...], str, str]


def _problems(rubric: Rubric, reader: TextMatcher) -> Iterator[_Problem]:
    """Place in the file, rule, message."""
    yield from _about_size(rubric)
    for index, criterion in enumerate(rubric.criteria):
        yield from _about_wording(("criteria", index), criterion, rubric.question.language)
    yield from _about_overlap(rubric, reader)
    yield from _about_points(rubric)
    yield from _about_references(rubric, reader)
    yield from _about_answer_key(rubric, reader)


def _about_size(rubric: Rubric) -> Iterator[_Problem]:
    count = len(rubric.criteria)
    if not _FEWEST <= count <= _MOST:
        yield (
            ("criteria",),
            "size",
            f"{count} criteria; {_FEWEST} to {_MOST} keep a rubric readable: split or join some",
        )
    if abs(rubric.max_points - FULL_POINTS) > 1e-9:
        message = f"the criteria give {rubric.max_points:g} points in all: make them {FULL_POINTS:g}"
        yield ("criteria",), "weights", message


def _about_wording(place: tuple[str | int, ...], criterion: Criterion, language: Language) -> Iterator[_Problem]:
    if isinstance(criterion, OrdinalCriterion):
        texts = [((*place, "levels", n), level.description) for n, level in enumerate(criterion.levels)]
        for lower, upper in overlapping_levels([level.description for level in criterion.levels], language):
            message = f"levels {lower} and {upper} of '{criterion.id}' touch: an answer can be on both; set them apart"
            yield (*place, "levels", upper), "levels-apart", message
    else:
        texts = [((*place, "statement"), criterion.statement)]
    for where, text in texts:
        if found := _JOINED[language].search(text):
            message = f"'{criterion.id}' asks for two things ('… {found[0]} …'): make each a criterion of its own"
            yield where, "one-construct", message
        if found := _INNER[language].search(text):
            message = f"'{found[0].strip()}' in '{criterion.id}' cannot be seen in an answer: say what it has to say"
            yield where, "observable", message
        if found := _LENGTH[language].search(text):
            message = f"'{found[0]}' in '{criterion.id}' pays for length: say which fact is wanted"
            yield where, "length", message


def _about_overlap(rubric: Rubric, reader: TextMatcher) -> Iterator[_Problem]:
    known = reader.terms(rubric.question.text)
    asked = [(index, c, reader.terms(c.levels[-1].description) - known) for index, c in enumerate(rubric.criteria)]
    for (_, first, own), (index, second, other) in itertools.combinations(asked, 2):
        # A mistake is about the same matter as the criterion that it spoils, and a gate earns nothing.
        if {"negative", "gate"} & {first.kind, second.kind}:
            continue
        smaller = min(len(own), len(other))
        if smaller >= _LEAST_TERMS and len(own & other) / smaller >= _OVERLAP:
            message = f"'{second.id}' asks for nearly the same as '{first.id}': one sentence would earn both; join them"
            yield ("criteria", index), "overlap", message


def _about_points(rubric: Rubric) -> Iterator[_Problem]:
    for index, criterion in enumerate(rubric.criteria):
        own = rubric.points_expected_for(criterion.id)
        if criterion.points > 0 and not any(point.importance == "core" for point in own):
            message = f"no core expected point counts for '{criterion.id}': say what a full answer states"
            yield ("criteria", index), "points", message
    for index, point in enumerate(rubric.expected_points):
        if any(c.id == point.criterion and c.points <= 0 for c in rubric.criteria):
            message = f"expected point '{point.id}' counts for '{point.criterion}', which gives no points: remove it"
            yield ("expected_points", index), "points", message


def _about_references(rubric: Rubric, reader: TextMatcher) -> Iterator[_Problem]:
    """Each reference earns every criterion, and a full one makes every core point."""
    question = rubric.question.text
    for index, reference in enumerate(rubric.references):
        said = {p.id for p in rubric.expected_points if reader.says(reference.text, point=p.text, question=question)}
        for criterion in rubric.criteria:
            own = rubric.points_expected_for(criterion.id)
            missing = [point.id for point in own if point.importance == "core" and point.id not in said]
            if reference.length == "full" and missing:
                message = f"the full reference does not make the core point '{missing[0]}' of '{criterion.id}': add it"
                yield ("references", index), "reference", message
            elif own and not any(point.id in said for point in own):
                message = f"the {reference.length} reference makes no point of '{criterion.id}': add one"
                yield ("references", index), "reference", message


def _about_answer_key(rubric: Rubric, reader: TextMatcher) -> Iterator[_Problem]:
    """What candidates see (the question, titles) must not say what they are to say."""
    shown = reader.terms(rubric.question.text)
    for point in rubric.expected_points:
        if leaks_key(shown, key=reader.terms(point.text)):
            yield ("question", "text"), "answer-key", f"the question gives expected point '{point.id}' away: ask less"
    for index, criterion in enumerate(rubric.criteria):
        title = reader.terms(criterion.title) - shown
        for point in rubric.points_expected_for(criterion.id):
            if leaks_key(title, key=reader.terms(point.text) - shown):
                message = f"the title of '{criterion.id}', seen by candidates, gives '{point.id}' away: name the matter"
                yield ("criteria", index, "title"), "answer-key", message


def leaks_key(terms: AbstractSet[str], *, key: AbstractSet[str]) -> bool:
    """Whether a text that candidates see has most of the telling words of a key's text, which has four or more."""
    return len(key) >= _LEAST_TERMS and len(key & terms) / len(key) >= _GIVEN_AWAY


def _bank_findings(folder: Path, reader: TextMatcher) -> list[Finding]:
    languages = [language for language in get_args(Language) if (folder / language).is_dir()]
    if not languages:
        return [Finding(folder, 1, "form", "the folder has no zh/ and en/ with rubrics: name a bank or a rubric file")]
    found: list[Finding] = []
    rubrics: dict[tuple[str, str], tuple[Path, Rubric]] = {}
    for path in sorted(path for language in languages for path in (folder / language).glob("*.yaml")):
        rubric, own = _file_findings(path, reader)
        found += own
        if rubric:
            found += _about_place(path, rubric)
            rubrics[rubric.question.id, rubric.question.language] = path, rubric
    for (question, language), (path, rubric) in rubrics.items():
        other = rubrics.get((question, "en" if language == "zh" else "zh"))
        if other is None:
            found.append(
                Finding(path, 1, "twins", f"'{question}' is there in {language} only: write the other language")
            )
        elif language == "zh" and structure_hash(rubric) != structure_hash(other[1]):
            message = f"its structure is not that of {other[0]}: ids, kinds, points and their order must be the same"
            found.append(Finding(path, 1, "twins", message))
    found += _about_versions(folder, list(rubrics.values()))
    if (answers := folder.parent / "qualification").is_dir():
        found += _about_qualification(
            answers, {question: rubrics[question, language] for question, language in rubrics}
        )
    return found


def _about_place(path: Path, rubric: Rubric) -> Iterator[Finding]:
    question = rubric.question
    if (path.parent.name, path.stem) != (question.language, question.id):
        yield Finding(path, 1, "form", f"a bank keeps this rubric in {question.language}/{question.id}.yaml: move it")


def _about_versions(folder: Path, rubrics: Sequence[tuple[Path, Rubric]]) -> Iterator[Finding]:
    try:
        versions = read_ledger(folder)
    except RubricError as error:
        yield Finding(folder / LEDGER, 1, "published", str(error).rstrip("."))
        return
    for path, rubric in rubrics:
        newest = latest(versions, rubric)
        if newest is None:
            yield Finding(path, 1, "published", "it was never published: run 'viva bank publish'")
        elif newest.content_hash != content_hash(rubric):
            message = f"it differs from its published version {newest.number}: run 'viva bank publish' for a new one"
            yield Finding(path, 1, "published", message)


def _about_qualification(folder: Path, rubrics: dict[str, tuple[Path, Rubric]]) -> Iterator[Finding]:
    for file in sorted(folder.glob("*.yaml")):
        if file.stem not in rubrics:
            yield Finding(file, 1, "qualification", "the bank has no such question: add its rubric, or rename the file")
    for question, (path, rubric) in rubrics.items():
        file = folder / f"{question}.yaml"
        if not file.exists():
            yield Finding(path, 1, "qualification", f"there are no qualification answers: write {file}")
            continue
        try:
            found = load_qualification(file)
            answers = found.answers
            if found.question != question:
                yield Finding(file, 1, "qualification", f"it is about '{found.question}': name the file after that")
            grades = {quality: [a.grade(rubric) for a in answers if a.level == quality] for quality in IN_ORDER}
        except RubricError as error:
            line = re.search(r", line (\d+)", str(error))
            yield Finding(file, int(line[1]) if line else 1, "qualification", str(error).rstrip("."))
            continue
        for better, worse in itertools.pairwise(IN_ORDER):
            if min(grades[better]) <= max(grades[worse]):
                message = f"by its levels the {better} answer gets no more points than the {worse} one: mend the levels"
                yield Finding(file, 1, "qualification", message)
