"""Reads the items of a request, each alone, so that every error is reported with its place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from vivavoce.rubrics import Rubric

from ..cohorts.items import NewItem
from ..errors import DraftRubric, ServiceError, UnusableRequest
from ..gradings import validation
from ..own_rubrics.questions import Questions
from .schemas.cohorts.items import ItemCreate, ItemError


def read_items(items: Sequence[Any], questions: Questions) -> tuple[list[NewItem], list[ItemError]]:
    """Returns the items that can be added, and what is wrong with the others."""
    good: list[NewItem] = []
    errors: list[ItemError] = []
    seen: dict[str, int] = {}
    # One object for equal rubrics: each is looked up in the database.
    rubrics: dict[str, Rubric] = {}
    for index, raw in enumerate(items):
        try:
            item = ItemCreate.model_validate(raw)
            if item.external_id in seen:
                detail = f"external_id is that of item {seen[item.external_id]}, too: send each answer once."
                errors.append(_build_error(index, raw, "duplicate_external_id", detail, "external_id"))
                continue
            seen[item.external_id] = index
            if item.rubric:
                item.rubric = rubrics.setdefault(item.rubric.model_dump_json(), item.rubric)
            good.append(_build_item(item, questions))
        except ValidationError as error:
            errors += [
                _build_error(index, raw, "malformed_item", _end_sentence(found["msg"]), *found["loc"])
                for found in error.errors(include_url=False, include_input=False, include_context=False)
            ]
        except ServiceError as error:
            place = (error.pointer or "/question_id").removeprefix("/").split("/")
            errors.append(_build_error(index, raw, error.code, str(error), *place))
    return good, errors


def _build_item(item: ItemCreate, questions: Questions) -> NewItem:
    validation.check_characters(item.external_id, what="external_id", pointer="/external_id")
    for name, text in (item.metadata or {}).items():
        validation.check_characters(name + text, what="metadata", pointer="/metadata")
    rubric = _choose_rubric(item, questions)
    if rubric.status == "draft":
        raise DraftRubric(f"The rubric of '{rubric.question.id}' is a draft: freeze it before you use it in a cohort.")
    return NewItem(
        external_id=item.external_id,
        answer=validation.check_answer(item.answer),
        rubric=rubric,
        rubric_source="own" if item.rubric or _name(rubric) in questions.own else "bank",
        candidate=validation.check_candidate(item.candidate),
        feedback_language=item.feedback_language,
        metadata=item.metadata,
    )


def _choose_rubric(item: ItemCreate, questions: Questions) -> Rubric:
    if (item.question_id is None) == (item.rubric is None):
        raise UnusableRequest("Name a question with 'question_id', or send a 'rubric': one of the two.")
    if item.rubric is not None:
        return validation.check_language(item.rubric, item.language)
    assert item.question_id is not None
    return validation.find_rubric(
        questions.bank, question_id=item.question_id, language=item.language, answer=item.answer
    )


def _name(rubric: Rubric) -> tuple[str, str]:
    return rubric.question.id, rubric.question.language


def _build_error(index: int, raw: Any, code: str, detail: str, *path: str | int) -> ItemError:
    external_id = raw.get("external_id") if isinstance(raw, dict) else None
    parts = [str(part).replace("~", "~0").replace("/", "~1") for part in ("items", index, *path)]
    return ItemError(
        index=index,
        pointer="/" + "/".join(parts),
        external_id=external_id[:200] if isinstance(external_id, str) else None,
        code=code,
        detail=detail,
    )


def _end_sentence(message: str) -> str:
    message = message.removeprefix("Value error, ")
    return message if message.endswith((".", "?")) else f"{message}."
