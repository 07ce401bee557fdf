"""Reads the YAML of a rubric, and says in a user's words what is wrong with one that cannot be read."""

from __future__ import annotations

from typing import Any

import yaml

# The C loader, where PyYAML has it, is ten times faster.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_QUOTES = "put the whole text in quotes"
# Parts of what PyYAML says, and what a user can do.
_ADVICE = {
    "mapping values are not allowed": f"a text with a colon in it, or a line that is indented too far: {_QUOTES}, "
    "or align the line with its neighbours",
    "a tab character": "a tab stands before the text, where YAML allows blanks only: use blanks",
    "expected ',' or '}'": f"a brace is never closed, or a text in it has a colon or quotes: close it, or {_QUOTES}",
    "expected ',' or ']'": f"a bracket is never closed, or a text in it has a colon or quotes: close it, or {_QUOTES}",
    "unexpected end of stream": "a quotation mark is opened and never closed: close it",
    "expected key": "the line is not aligned with its neighbours, or a quoted text ends too early: align it, or "
    f"{_QUOTES}",
    "expected '-' indicator": "the line does not belong to the list above it: align it, or begin it with a hyphen",
    "block sequence entries": "a list begins on the line of its field: begin it on a line of its own",
    "expected ':'": "the line has no colon after the name of its field: write 'name: text', with : and not ：",
    "undefined alias": f"a text begins with *: {_QUOTES}",
    "constructor for the tag": f"a text begins with !: {_QUOTES}",
    "second occurrence": f"a text begins with &: {_QUOTES}",
    "another document": "a second rubric begins here, after ---: give each rubric a file of its own",
    "expected <document start>": "text follows the end of the rubric: give each rubric a file of its own",
    "unhashable key": f"a field has a list or braces for a name: write a word, or {_QUOTES}",
}


class YamlProblem(Exception):
    """A text is not YAML: the message says why and what to do, without a full stop; `line` counts from 1."""

    def __init__(self, message: str, line: int | None) -> None:
        super().__init__(message)
        self.line = line


class _StrictLoader(LOADER):  # type: ignore[misc,valid-type]
    """Refuses a field that is given twice, of which YAML would drop the first."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """The mapping of a node."""
        seen: dict[str, int] = {}
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value != "<<":
                line = key.start_mark.line + 1
                if key.value in seen:
                    first = seen[key.value]
                    raise YamlProblem(f"'{key.value}' is given twice, first in line {first}: remove one of them", line)
                seen[key.value] = line
        mapping: dict[Any, Any] = super().construct_mapping(node, deep)
        return mapping


def parse_yaml(text: str) -> Any:
    """The data of a YAML text; raises YamlProblem."""
    try:
        return yaml.load(text, Loader=_StrictLoader)
    except yaml.YAMLError as error:
        raise _explain_error(error, text) from None
    except (ValueError, AttributeError, KeyError, TypeError, RecursionError):
        # PyYAML's constructors raise these on invalid dates, numbers and tags.
        raise YamlProblem(
            "a value in it looks like a date, a number or a tag but is not one, or is nested too deep: put it in "
            "quotes",
            None,
        ) from None


def _explain_error(error: yaml.YAMLError, text: str) -> YamlProblem:
    if isinstance(error, yaml.reader.ReaderError):
        line = text[: error.position].count("\n") + 1
        return YamlProblem(f"there is an invisible control character (number {error.character}): remove it", line)
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or "it is not YAML"
    if mark is None:
        return YamlProblem(f"{problem}; fix the YAML there", None)
    if "cannot start any token" in problem:
        return YamlProblem(_explain_character(text.split("\n")[mark.line][mark.column :]), mark.line + 1)
    # Of quotes that never close, the start helps.
    opened = getattr(error, "context_mark", None) if "unexpected end of stream" in problem else None
    advice = next((words for part, words in _ADVICE.items() if part in problem), f"{problem}; fix the YAML there")
    return YamlProblem(advice, (opened or mark).line + 1)


def _explain_character(rest: str) -> str:
    if rest.startswith("\t"):
        return "a tab indents the line, where YAML allows blanks only: replace it by blanks"
    return f"a text begins with {rest[:1]}, which has a meaning in YAML: {_QUOTES}"
