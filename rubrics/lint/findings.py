"""Lints rubric files and banks: each finding names file, line, rule and fix.

`rules` and `traps` have the rules for one rubric; here are those for files and for the bank as a whole.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from ..errors import RubricError
from ..hashing import content_hash, structure_hash
from ..loader import find_line, load_rubric, read_text
from ..model import Language, Rubric
from ..qualification import IN_ORDER, load_qualification
from ..versions import LEDGER, find_latest, read_ledger
from .rules import TextMatcher, list_problems
from .traps import Problem, list_traps


@dataclass(frozen=True, order=True)
class Finding:
    """A rule that is broken: where, which, and a message with the fix."""

    file: Path
    line: int
    rule: str
    message: str

    def __str__(self) -> str:
        """The form of compilers' messages, which editors can follow."""
        return f"{self.file}:{self.line}: {self.message} [{self.rule}]"


def lint(paths: Sequence[Path], matcher: TextMatcher) -> list[Finding]:
    """All findings in rubric files and banks (folders with `zh/` and `en/`), sorted by file and line.

    A file that cannot be read or does not describe a rubric is one finding.
    """
    findings: list[Finding] = []
    for path in paths:
        if path.is_dir():
            findings += _lint_bank(path, matcher)
        else:
            findings += _lint_file(path, matcher)[1]
    # A file may be given twice, alone and with its bank.
    return sorted(set(findings))


def find_traps(path: Path) -> list[Finding]:
    """The wordings of a rubric file that no judge can grade; found without a model. Raises the errors of loading."""
    return _place(path, list_traps(load_rubric(path)))


def _place(path: Path, problems: Iterable[Problem]) -> list[Finding]:
    """Problems with the lines that they have in a file."""
    text = read_text(path)
    return [Finding(path, find_line(text, *location), rule, message) for location, rule, message in problems]


def _lint_file(path: Path, matcher: TextMatcher) -> tuple[Rubric | None, list[Finding]]:
    """The rubric in a file, None if it has none, and the findings."""
    try:
        rubric = load_rubric(path)
    except RubricError as error:
        return None, [_report_error(path, "form", error)]
    return rubric, _place(path, list_problems(rubric, matcher))


def _report_error(file: Path, rule: str, error: RubricError) -> Finding:
    # Errors of loading name the line in their text only.
    message = str(error).rstrip(".").removeprefix(str(file))
    line = re.match(r", line (\d+): ", message)
    return Finding(file, int(line[1]) if line else 1, rule, message[line.end() if line else 0 :].removeprefix(": "))


def _lint_bank(folder: Path, matcher: TextMatcher) -> list[Finding]:
    languages = [language for language in get_args(Language) if (folder / language).is_dir()]
    if not languages:
        return [Finding(folder, 1, "form", "the folder has no zh/ and en/ with rubrics: give a bank or a rubric file")]
    findings: list[Finding] = []
    rubrics: dict[tuple[str, str], tuple[Path, Rubric]] = {}
    for path in sorted(path for language in languages for path in (folder / language).glob("*.yaml")):
        rubric, file_findings = _lint_file(path, matcher)
        findings += file_findings
        if rubric:
            findings += _check_location(path, rubric)
            rubrics[rubric.question.id, rubric.question.language] = path, rubric
    findings += _check_twins(rubrics)
    findings += _check_versions(folder, list(rubrics.values()))
    if (answers := folder.parent / "qualification").is_dir():
        # Either language will do, since twins have one structure.
        findings += _check_qualification(
            answers, {question: rubrics[question, language] for question, language in rubrics}
        )
    return findings


def _check_location(path: Path, rubric: Rubric) -> Iterator[Finding]:
    question = rubric.question
    if (path.parent.name, path.stem) != (question.language, question.id):
        yield Finding(path, 1, "form", f"the rubric belongs in {question.language}/{question.id}.yaml: move it")


def _check_twins(rubrics: Mapping[tuple[str, str], tuple[Path, Rubric]]) -> Iterator[Finding]:
    """Every question must be there in both languages, with the same structure."""
    for (question, language), (path, rubric) in rubrics.items():
        twin = rubrics.get((question, "en" if language == "zh" else "zh"))
        if twin is None:
            message = f"'{question}' is only there in language '{language}': write the other one"
            yield Finding(path, 1, "twins", message)
        # Reported once, for the Chinese rubric.
        elif language == "zh" and structure_hash(rubric) != structure_hash(twin[1]):
            message = f"its structure differs from that of {twin[0]}: make ids, kinds, points and their order the same"
            yield Finding(path, 1, "twins", message)


def _check_versions(folder: Path, rubrics: Sequence[tuple[Path, Rubric]]) -> Iterator[Finding]:
    try:
        versions = read_ledger(folder)
    except RubricError as error:
        yield Finding(folder / LEDGER, 1, "published", str(error).rstrip("."))
        return
    for path, rubric in rubrics:
        newest = find_latest(versions, rubric)
        if newest is None:
            yield Finding(path, 1, "published", "it was never published: run 'viva bank publish'")
        elif newest.content_hash != content_hash(rubric):
            message = f"it differs from its published version {newest.number}: run 'viva bank publish' for a new one"
            yield Finding(path, 1, "published", message)


def _check_qualification(folder: Path, rubrics: Mapping[str, tuple[Path, Rubric]]) -> Iterator[Finding]:
    for file in sorted(folder.glob("*.yaml")):
        if file.stem not in rubrics:
            message = "the bank has no question of this name: add its rubric, or rename the file"
            yield Finding(file, 1, "qualification", message)
    for question, (path, rubric) in rubrics.items():
        file = folder / f"{question}.yaml"
        if not file.exists():
            yield Finding(path, 1, "qualification", f"there are no qualification answers: write {file}")
        else:
            yield from _check_answers(file, question, rubric)


def _check_answers(file: Path, question: str, rubric: Rubric) -> Iterator[Finding]:
    """The answers must fit the rubric, and each quality earn more than the next lower one."""
    try:
        qualification = load_qualification(file)
        if qualification.question != question:
            message = f"the answers are to '{qualification.question}': name the file after that question"
            yield Finding(file, 1, "qualification", message)
        grades = {
            quality: [answer.grade(rubric) for answer in qualification.answers if answer.level == quality]
            for quality in IN_ORDER
        }
    except RubricError as error:
        yield _report_error(file, "qualification", error)
        return
    for better, worse in itertools.pairwise(IN_ORDER):
        if min(grades[better]) <= max(grades[worse]):
            message = f"by its levels the {better} answer gets no more points than the {worse} one: fix the levels"
            yield Finding(file, 1, "qualification", message)
