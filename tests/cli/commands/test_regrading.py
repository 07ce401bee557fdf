"""Which rows of a file `viva grade` takes from an earlier run, and which it grades anew."""

from __future__ import annotations

import pytest

from vivavoce.cli.files.answer_files import submit_entries
from vivavoce.graders import Panel
from vivavoce.graders.testing import scripted_panel
from vivavoce.rubrics import Bank, Rubric
from vivavoce.service.answer_files.answer_rows import RubricChoice
from vivavoce.service.answer_files.entries import list_entries
from vivavoce.service.storage.engine import SessionFactory
from vivavoce.tables import Row, Table

from ...panels import CHANGES, changed_panel


def _gradings(panel: Panel, bank: Bank, rubric: Rubric, database: SessionFactory) -> set[str]:
    table = Table(columns=("answer",), rows=(Row(2, {"answer": "Weights are INT8."}),), problems=())
    choice = RubricChoice(bank, rubric=rubric)
    submitted = submit_entries(list_entries(table), choice=choice, panel=panel, sessions=database)
    assert not submitted.problems
    return set(submitted.grading_ids)


def test_the_same_graders_take_the_earlier_grading(bank: Bank, rubric: Rubric, database: SessionFactory) -> None:
    first = _gradings(scripted_panel(), bank, rubric, database)
    assert _gradings(scripted_panel(), bank, rubric, database) == first


@pytest.mark.parametrize("part", CHANGES)
def test_other_graders_grade_anew(part: str, bank: Bank, rubric: Rubric, database: SessionFactory) -> None:
    first = _gradings(scripted_panel(), bank, rubric, database)
    assert not first & _gradings(changed_panel(part), bank, rubric, database)
