"""Rubrics from YAML files, one question and language a file, and the bank that ships with vivavoce."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import ValidationError

from .errors import InvalidRubric, RubricUnreadable, UnknownQuestion, first_problem
from .model import Frozen, Language, Rubric

BANK = Path(__file__).parent / "bank"
MAX_FILE_BYTES = 512 * 1024
BYTE_ORDER_MARK = "\ufeff"
# The same loader in C where PyYAML has it: a bank of hundreds of files is read in a second, not in ten.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
Model = TypeVar("Model", bound=Frozen)


def load_rubric(path: Path) -> Rubric:
    """The rubric in a YAML file.

    Raises RubricUnreadable when the file is no readable YAML text and InvalidRubric when it does
    not describe a rubric; both name file, line and mend in one sentence.
    """
    return parse_as(Rubric, path, starts_with="a rubric starts with 'question:', 'criteria:' and so on")


def parse_as(kind: type[Model], path: Path, *, starts_with: str) -> Model:
    """What a YAML file describes, as a value of a model; raises as `load_rubric` does."""
    text = read_text(path).removeprefix(BYTE_ORDER_MARK)
    try:
        data = yaml.load(text, Loader=_LOADER)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "it is not YAML"
        raise RubricUnreadable(f"{path}{line}: {problem}; mend the YAML there.") from None
    except (ValueError, AttributeError, KeyError, TypeError, RecursionError):
        # What YAML takes for a date, a number or a tagged value, and is none.
        raise RubricUnreadable(
            f"{path}: something in it looks like a date, a number or a tag and is none, or is nested too deep: put it "
            "in quotes."
        ) from None
    if not isinstance(data, dict):
        raise InvalidRubric(f"{path}, line 1: {starts_with}.")
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        place, problem = first_problem(error)
        raise InvalidRubric(f"{path}, line {line_of(text, *place)}: {problem}.") from None


def line_of(text: str, *place: str | int) -> int:
    """The line, from 1, of the deepest part of a place (`"criteria", 2, "statement"`) that YAML text has."""
    node = yaml.compose(text, Loader=_LOADER)
    line = 1
    for part in place:
        following: yaml.Node | None = None
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                if key.value == part:
                    line, following = key.start_mark.line + 1, value
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            following = node.value[part]
            line = following.start_mark.line + 1
        if following is None:
            break
        node = following
    return line


class Bank:
    """Rubrics by question and language.

    A question is found by its identifier (`rag`) or its handbook number (`13.2`).
    """

    def __init__(self, rubrics: Iterator[Rubric] | list[Rubric]) -> None:
        self._by_key: dict[tuple[str, Language], Rubric] = {}
        self._aliases: dict[str, str] = {}
        for rubric in rubrics:
            question = rubric.question
            self._by_key[question.id, question.language] = rubric
            self._aliases[question.id] = question.id
            if question.handbook:
                self._aliases[question.handbook] = question.id

    def __iter__(self) -> Iterator[Rubric]:
        return iter(self._by_key.values())

    def __len__(self) -> int:
        return len(self._by_key)

    def get(self, question_id: str, language: Language) -> Rubric:
        """The rubric of a question in a language; raises UnknownQuestion."""
        identifier = self._aliases.get(question_id.strip())
        if identifier is None:
            raise UnknownQuestion(
                f"There is no question '{question_id[:80]}': list the ones there are with "
                "'viva questions' or GET /v1/questions."
            )
        rubric = self._by_key.get((identifier, language))
        if rubric is None:
            raise UnknownQuestion(f"Question '{identifier}' has no rubric in language '{language}'.")
        return rubric


def load_bank(folder: Path = BANK) -> Bank:
    """All rubrics below a folder (`zh/*.yaml`, `en/*.yaml`), sorted by file name within a language."""
    return Bank([load_rubric(path) for path in sorted(folder.glob("*/*.yaml"))])


@cache
def default_bank() -> Bank:
    """The bank that ships with vivavoce, read once per process."""
    return load_bank()


def read_text(path: Path) -> str:
    """The text of a file with its line ends as they are; raises RubricUnreadable in one sentence."""
    if path.is_dir():
        raise RubricUnreadable(f"{path} is a directory: name a rubric file, such as rubric.yaml.")
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise RubricUnreadable(
                f"{path} is larger than {MAX_FILE_BYTES // 1024} KiB: a rubric file holds one question."
            )
        return path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        raise RubricUnreadable(f"{path} does not exist: check the path.") from None
    except UnicodeDecodeError as error:
        raise RubricUnreadable(f"{path} is not UTF-8 text (byte {error.start}): save it as UTF-8.") from None
    except OSError as error:
        raise RubricUnreadable(f"{path} cannot be read: {error.strerror}.") from None
