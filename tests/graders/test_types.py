from __future__ import annotations

import dataclasses

import pytest

from vivavoce import graders
from vivavoce.graders import Flag
from vivavoce.graders.types import Evidence


def test_every_exported_name_can_be_imported() -> None:
    for name in graders.__all__:
        assert getattr(graders, name) is not None
    with pytest.raises(AttributeError, match="has no attribute 'grades'"):
        graders.grades  # noqa: B018


def test_settling_flags_come_first() -> None:
    assert list(Flag)[:4] == [Flag.EMPTY, Flag.NON_ANSWER, Flag.COPIED_QUESTION, Flag.OFF_TOPIC]


def test_values_are_immutable() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Evidence(0, 1, "a").start = 2  # type: ignore[misc]
