"""Says in a user's words what validation found in the data of a rubric: where, what is wrong, and the fix."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from .criteria import BinaryCriterion, GateCriterion, Level, NegativeCriterion, OrdinalCriterion
from .model import ExpectedPoint, GradedExample, Question, Reference, Rubric, SignalWeights
from .names import identifiers
from .written_numbers import read_number

Path = list[str | int]
_KINDS: dict[str, type[BaseModel]] = {
    "binary": BinaryCriterion,
    "ordinal": OrdinalCriterion,
    "negative": NegativeCriterion,
    "gate": GateCriterion,
}
_PARTS: dict[str, type[BaseModel]] = {
    "question": Question,
    "levels": Level,
    "expected_points": ExpectedPoint,
    "references": Reference,
    "examples": GradedExample,
    "weights": SignalWeights,
}
_ENTRIES = {
    "criteria": "criterion",
    "levels": "level",
    "expected_points": "expected point",
    "references": "reference",
    "examples": "graded example",
    "answers": "answer",
}
_SHORTER = {
    "criteria": "join some that belong together, or make two questions of it",
    "levels": "join neighbouring ones",
}
_WRONG_NUMBERS = frozenset(
    {
        "float_parsing",
        "float_type",
        "int_parsing",
        "int_type",
        "int_from_float",
        "int_parsing_size",
        "finite_number",
    }
)
_BOUNDS = frozenset({"greater_than", "greater_than_equal", "less_than", "less_than_equal"})
_NO_FIELDS = frozenset({"model_type", "model_attributes_type", "dict_type"})
_SHOWN = 40


def first_problem(error: ValidationError, data: object = None, *, model: type[BaseModel] = Rubric) -> tuple[Path, str]:
    """The first problem that validation found: its path in the data, and a message without a full stop.

    `data` is what was validated by `model`; with it the message calls criteria by their identifiers.
    """
    problems = error.errors(include_url=False)
    # A misspelt field explains why another is missing.
    parent = _list_parts(problems[0])[:-1]
    unknown = (p for p in problems if p["type"] == "extra_forbidden" and _list_parts(p)[:-1] == parent)
    first = next(unknown, problems[0]) if problems[0]["type"] == "missing" else problems[0]
    path = _list_parts(first)
    # What is missing, unknown or of no kind is said of the whole.
    place = path[:-1] if first["type"] in ("missing", "extra_forbidden", "invalid_key") else path
    where, what = _name_place(place, data), _describe(first, path, data, problems, model)
    return path, f"{where}: {what}" if where else what


def _list_parts(problem: ErrorDetails) -> Path:
    path = list(problem["loc"])
    # Pydantic adds a criterion's kind, which the file lacks.
    if len(path) > 2 and path[0] == "criteria" and path[2] in _KINDS:
        del path[2]
    return path


def _name_place(path: Path, data: object) -> str:
    """A place in words, such as "criterion 'depth', level 1, points"; levels count from 0, other entries from 1."""
    words: list[str] = []
    value = data
    for part in path:
        value = _look_up(value, part)
        if not isinstance(part, int):
            words.append(str(part))
            continue
        group = words.pop() if words else ""
        name = _look_up(value, "id") or _look_up(value, "name")
        number = part if group == "levels" else part + 1
        words.append(
            f"{_ENTRIES.get(group, group)} " + (f"'{name}'" if isinstance(name, str) and name else str(number))
        )
    return ", ".join(words)


def _look_up(value: object, part: str | int) -> object:
    if isinstance(value, Mapping):
        return value.get(part)
    if isinstance(value, Sequence) and not isinstance(value, str) and isinstance(part, int) and part < len(value):
        return value[part]
    return None


def _describe(
    problem: ErrorDetails, path: Path, data: object, problems: Sequence[ErrorDetails], root: type[BaseModel]
) -> str:
    kind, value, context = problem["type"], problem["input"], problem.get("ctx", {})
    if kind in ("extra_forbidden", "invalid_key"):
        return _describe_unknown(path, data, problems, root)
    if kind == "missing":
        return f"'{path[-1]}' is missing: add it"
    if kind.startswith("union_tag"):
        return _describe_kind(value)
    if value is None or kind == "string_too_short":
        return "it is empty: fill it in, or remove it if it is not needed"
    if kind in _NO_FIELDS:
        return f"it must have fields of its own, such as 'text: …', instead of {_show(value)}: add their names"
    if kind == "tuple_type":
        return f"it must be a list, not {_show(value)}: begin each entry on a line of its own with a hyphen"
    if kind in ("too_short", "too_long"):
        return _describe_length(str(path[-1]), kind, context)
    if kind.startswith("string"):
        return _describe_text(kind, path, value, context)
    is_number = not isinstance(value, float | str) or read_number(str(value)) is not None
    if kind in _WRONG_NUMBERS or (kind in _BOUNDS and not is_number):
        return _describe_number(value, is_whole=kind.startswith("int"))
    if kind in _BOUNDS:
        return _describe_bound(path, value, data, context)
    if kind == "literal_error":
        return _describe_choice(path, value, context)
    message = str(problem["msg"]).removeprefix("Value error, ").rstrip(".")
    return f"{message[0].lower()}{message[1:]}"


def _describe_unknown(path: Path, data: object, problems: Sequence[ErrorDetails], root: type[BaseModel]) -> str:
    name = str(path[-1])
    parent: object = data
    for part in path[:-1]:
        parent = _look_up(parent, part)
    # In braces YAML reads 7,5 as 7 and a field named 5.
    if name.strip().isdigit() and _look_up(parent, path[-1]) is None:
        return f"there is no field '{name}': write a number such as 7,5 with a point, as 7.5"
    group = next((part for part in reversed(path[:-1]) if isinstance(part, str)), "")
    kind = str(_look_up(parent, "kind"))
    model = root if not group else _KINDS.get(kind) if group == "criteria" else _PARTS.get(group)
    missing = [str(p["loc"][-1]) for p in problems if p["type"] == "missing" and _list_parts(p)[:-1] == path[:-1]]
    known = [*missing, *(model.model_fields if model else ())]
    nearest = difflib.get_close_matches(name.strip().lower(), known, n=1, cutoff=0.5)
    if nearest:
        return f"there is no field '{name}': write '{nearest[0]}'"
    if len(missing) == 1:
        return f"there is no field '{name}', and '{missing[0]}' is missing: rename or add it"
    return f"there is no field '{name}': remove it" + (
        f", or use one of {', '.join(dict.fromkeys(known))}" if known else ""
    )


def _describe_kind(criterion: object) -> str:
    if isinstance(criterion, Mapping) and "kind" not in criterion:
        return "'kind' is missing: add kind: binary, ordinal, negative or gate"
    return f"there is no kind {_show(_look_up(criterion, 'kind'))}: use binary, ordinal, negative or gate"


def _describe_length(group: str, kind: str, context: Mapping[str, Any]) -> str:
    entry = _ENTRIES.get(group, "entry")
    if kind == "too_long":
        actual = context.get("actual_length")
        there = f"there are {actual}" if actual else "there are more"
        return f"{there}, and at most {context['max_length']} are allowed: {_SHORTER.get(group, 'remove some')}"
    least = context["min_length"]
    if least == 1:
        return f"there is no {entry}: add one"
    return f"there are fewer than {least} of them: add a {entry}, or use kind: binary for yes or no"


def _describe_text(kind: str, path: Path, value: object, context: Mapping[str, Any]) -> str:
    if kind == "string_too_long":
        return f"it has {len(str(value))} characters, and at most {context['max_length']} are allowed: shorten it"
    if kind == "string_pattern_mismatch" and path[-1] == "handbook":
        return f"{_show(value)} is no number of the handbook, such as 27.1: correct it, or remove it"
    if kind == "string_pattern_mismatch":
        (slug,) = identifiers([str(value)], otherwise="name")
        return f"{_show(value)} is no identifier: use small letters a to z, digits and hyphens, such as '{slug}'"
    if isinstance(value, list | tuple):
        return "it is a list, where one text is wanted: write one text in quotes"
    if isinstance(value, Mapping):
        return "it is read as fields with names: put the text in quotes, because it has a colon or braces"
    return f"it is read as {_show(value)}, not as text: put it in quotes"


def _describe_number(value: object, *, is_whole: bool) -> str:
    wanted = "a whole number" if is_whole else "a number"
    read = read_number(str(value))
    if read is None or (is_whole and read != int(read)):
        return f"{_show(value)} is not {wanted}: write one, such as {'5' if is_whole else '7.5'}"
    return f"{_show(value)} is not written as {wanted}: write {read:g}"


def _describe_bound(path: Path, value: object, data: object, context: Mapping[str, Any]) -> str:
    kind = _look_up(_look_up(_look_up(data, "criteria"), path[1]), "kind") if path[0] == "criteria" else None
    number = value if isinstance(value, int | float) else read_number(str(value)) or 0.0
    if path[-1] == "points" and kind in ("binary", "negative"):
        if number == 0:
            sign = "above" if kind == "binary" else "below"
            return f"a criterion of 0 points counts for nothing: give it points {sign} 0, or remove it"
        if kind == "binary" and number < 0:
            return f"a binary criterion cannot take points away ({number:g}): use kind: negative for a mistake"
        if kind == "negative" and number > 0:
            return f"a mistake takes points away: write -{number:g}, or use kind: binary for what earns points"
    bounds = {"gt": "more than", "ge": "or more", "lt": "less than", "le": "or less"}
    name, limit = next((name, float(context[name])) for name in bounds if name in context)
    allowed = f"{bounds[name]} {limit:g}" if name in ("gt", "lt") else f"{limit:g} {bounds[name]}"
    return f"{number:g} is too {'small' if name in ('gt', 'ge') else 'large'}: use {allowed}"


def _describe_choice(path: Path, value: object, context: Mapping[str, Any]) -> str:
    if path[-1] == "points":
        return "a gate gives no points: remove them, or use kind: binary"
    expected = str(context["expected"]).replace("'", "")
    return f"{_show(value)} is not known: use {expected}"


def _show(value: object) -> str:
    """A value as a message quotes it."""
    if isinstance(value, bool):
        return f"yes or no ({str(value).lower()})"
    if isinstance(value, list | tuple):
        return "a list"
    if isinstance(value, Mapping):
        return "fields with names"
    text = str(value)
    return f"'{text[:_SHOWN]}…'" if len(text) > _SHOWN else f"'{text}'"
