"""The client's models follow the API's document: a field that is renamed or may become null must not be missed."""

from __future__ import annotations

from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin

import pytest

from vivavoce.client.models import analyses, base, cohorts, events, files, gradings, rubrics
from vivavoce.rubrics import default_bank
from vivavoce.service.app import create_app
from vivavoce.service.notifier import SilentNotifier
from vivavoce.service.settings import Settings
from vivavoce.service.storage.engine import connect, sessions

# Models whose name in the API is another one.
_NAMES: dict[type[base.Model], str] = {
    gradings.CandidateFeedback: "FeedbackView",
    cohorts.ResultsPage: "ResultsPublic",
    analyses.MissingScore: "MissingPublic",
    files.FileReport: "CohortFileReport",
    files.SavedMapping: "MappingPublic",
    rubrics.RubricChange: "ChangePublic",
    events.EventsPage: "EventsPublic",
}
# What callers of the report need not see as types of their own.
_UNTYPED = {
    "CriterionResultPublic": {"votes", "signals"},
    "ReportPublic": {"masked", "filler", "unrelated", "repeated", "skipped", "context", "masked_share"},
}
_MODELS = [
    model
    for module in (base, gradings, cohorts, analyses, files, rubrics, events)
    for model in vars(module).values()
    if isinstance(model, type)
    and issubclass(model, base.Model)
    and model.__module__ == module.__name__
    and model not in (base.Model, base.Page, analyses.RegradeChange)
    # Pages of one model each are made by pydantic.
    and "[" not in model.__name__
]


@pytest.fixture(scope="module")
def schemas() -> dict[str, Any]:
    database = sessions(connect("sqlite://"))
    app = create_app(
        Settings(state_dir=Path("/nowhere")),
        sessions=database,
        bank=default_bank(),
        notifier=SilentNotifier(),
        judge_status=lambda: "ok",
    )
    found: dict[str, Any] = app.openapi()["components"]["schemas"]
    return found


@pytest.mark.parametrize("model", _MODELS, ids=lambda model: model.__name__)
def test_a_model_has_the_fields_of_the_api(model: type[base.Model], schemas: dict[str, Any]) -> None:
    name = _NAMES.get(model, f"{model.__name__}Public")
    name = name if name in schemas else model.__name__
    fields = schemas[name]["properties"]
    assert set(model.model_fields) == set(fields) - _UNTYPED.get(name, set())
    nullable = {field for field, schema in fields.items() if {"type": "null"} in schema.get("anyOf", ())}
    typed = {field for field, info in model.model_fields.items() if _may_be_none(info.annotation)}
    assert typed == nullable - _UNTYPED.get(name, set())
    # A field that the API may leave out must not be required here.
    required = {field for field, info in model.model_fields.items() if info.is_required()}
    assert required <= set(schemas[name].get("required", ()))


def _may_be_none(annotation: Any) -> bool:
    return get_origin(annotation) in (Union, UnionType) and NoneType in get_args(annotation)
