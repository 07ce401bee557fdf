"""Loads rubrics from YAML files, one question and language per file, and the bank that ships with vivavoce."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import ValidationError

from vivavoce.tables import TableError, decode_text

from .criteria import Frozen
from .errors import InvalidRubric, RubricUnreadable, UnknownQuestion
from .hashing import content_hash
from .model import Language, Rubric
from .problems import first_problem
from .yaml_text import LOADER, YamlProblem, parse_yaml

BANK = Path(__file__).parent / "bank"
MAX_FILE_BYTES = 512 * 1024
BYTE_ORDER_MARK = "\ufeff"
Model = TypeVar("Model", bound=Frozen)


def load_rubric(path: Path) -> Rubric:
    """The rubric in a YAML file.

    Raises RubricUnreadable if the file cannot be read as YAML, and InvalidRubric if it does not describe a rubric; both
    name file, line and fix in one sentence.
    """
    return parse_as(Rubric, path, starts_with="a rubric starts with 'question:', 'criteria:' and so on")


def parse_as(kind: type[Model], path: Path, *, starts_with: str) -> Model:
    """The value of a model that a YAML file describes; raises the errors of `load_rubric`."""
    if path.suffix.lower() in (".csv", ".md"):
        raise RubricUnreadable(f"{path} is no YAML file: make one of it with 'viva rubric import {path}'.")
    text = read_text(path).removeprefix(BYTE_ORDER_MARK)
    try:
        data = parse_yaml(text)
    except YamlProblem as problem:
        line = f", line {problem.line}" if problem.line else ""
        raise RubricUnreadable(f"{path}{line}: {problem}.") from None
    if not isinstance(data, dict):
        raise InvalidRubric(f"{path}, line 1: {starts_with}.")
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        location, message = first_problem(error, data, model=kind)
        raise InvalidRubric(f"{path}, line {find_line(text, *location)}: {message}.") from None


def find_line(text: str, *location: str | int) -> int:
    """The line (from 1) of a location in YAML text, such as `"criteria", 2, "statement"`.

    If the text lacks part of the location, the line of the deepest part that it has.
    """
    node = yaml.compose(text, Loader=LOADER)
    line = 1
    for part in location:
        following: yaml.Node | None = None
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                if key.value == str(part):
                    line, following = key.start_mark.line + 1, value
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            following = node.value[part]
            line = following.start_mark.line + 1
        if following is None:
            break
        node = following
    return line


class Bank:
    """Rubrics by question and language; a question is found by its identifier (`rag`) or handbook number (`13.2`)."""

    def __init__(self, rubrics: Iterator[Rubric] | list[Rubric]) -> None:
        self._by_key: dict[tuple[str, Language], Rubric] = {}
        self._aliases: dict[str, str] = {}
        self._content_hashes: dict[tuple[str, Language], str] = {}
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

    def find_id(self, question_id: str) -> str | None:
        """The identifier of a question, which may be named by its handbook number; None if the bank lacks it."""
        return self._aliases.get(question_id.strip())

    def get(self, question_id: str, language: Language) -> Rubric:
        """The rubric of a question in a language; raises UnknownQuestion if the bank has none."""
        identifier = self.find_id(question_id)
        if identifier is None:
            raise UnknownQuestion(
                f"There is no question '{question_id[:80]}': list all questions with 'viva questions' or "
                "GET /v1/questions."
            )
        rubric = self._by_key.get((identifier, language))
        if rubric is None:
            raise UnknownQuestion(
                f"Question '{identifier}' has no rubric in language '{language}': use the other language."
            )
        return rubric

    def get_content_hash(self, question_id: str, language: Language) -> str | None:
        """The content hash of a question's rubric by its identifier, computed once; None if the bank lacks it."""
        key = (question_id, language)
        if key not in self._content_hashes and key in self._by_key:
            self._content_hashes[key] = content_hash(self._by_key[key])
        return self._content_hashes.get(key)


def load_bank(folder: Path = BANK) -> Bank:
    """All rubrics in a folder (`en/*.yaml`, `zh/*.yaml`), sorted by language and file name."""
    return Bank([load_rubric(path) for path in sorted(folder.glob("*/*.yaml"))])


# Read once per process.
@cache
def default_bank() -> Bank:
    """The bank that ships with vivavoce."""
    return load_bank()


def read_text(path: Path) -> str:
    """The text of a file with its line ends unchanged.

    Raises RubricUnreadable if it does not exist, is a folder, is too large, or is neither UTF-8 nor UTF-16 with a mark.
    """
    data = _read_bytes(path)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return _decode_any(data, path)[0]
        raise RubricUnreadable(f"{path} is not UTF-8 text (byte {error.start}): save it as UTF-8.") from None


def read_any_text(path: Path, *, encoding: str | None = None) -> tuple[str, str | None]:
    """The text of a file in the named or any usual encoding, and a sentence that names it if it was guessed.

    A mark at the start of UTF-8 stays. Raises RubricUnreadable.
    """
    data = _read_bytes(path)
    text, notice = _decode_any(data, path, encoding)
    return (BYTE_ORDER_MARK if data.startswith(codecs.BOM_UTF8) else "") + text, notice


def _decode_any(data: bytes, path: Path, encoding: str | None = None) -> tuple[str, str | None]:
    """The text of bytes, and the guessed encoding in a sentence; raises RubricUnreadable that names the file."""
    try:
        return decode_text(data, encoding=encoding)
    except TableError as error:
        raise RubricUnreadable(f"{path} {error}") from None


def _read_bytes(path: Path) -> bytes:
    if path.is_dir():
        raise RubricUnreadable(f"{path} is a directory: give a rubric file, such as rubric.yaml.")
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise RubricUnreadable(
                f"{path} is larger than {MAX_FILE_BYTES // 1024} KiB: split it, so that each file has one question."
            )
        return path.read_bytes()
    except FileNotFoundError:
        raise RubricUnreadable(f"{path} does not exist: check the path.") from None
    except OSError as error:
        raise RubricUnreadable(f"{path} cannot be read ({error.strerror}): check its permissions.") from None
