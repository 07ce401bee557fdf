from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivavoce.evaluation.fitting import Example, Level, levels_of, read_table, write_table
from vivavoce.evaluation.fitting.examples import is_bank
from vivavoce.graders.errors import UnreadableGrades
from vivavoce.graders.types import LevelSignals
from vivavoce.rubrics import Rubric

SIGNALS = LevelSignals(judge=1.25, verifier=-3.5, similarity_gain=0.0123, term_recall=0.5, rouge1_recall=0.25)


def test_a_table_comes_back_as_it_was(tmp_path: Path) -> None:
    examples = [
        Example("set", "q1", "zh", "a1", 0.75, (Level("c", "merit", 0.5, SIGNALS), Level("m", "mistake", -1, SIGNALS))),
        Example("set", "q1", "zh", "settled", 0.0, ()),
        Example("bank-en", "q2", "en", "rejection-m", None, (Level("m", "mistake", -0.2, SIGNALS, reached=False),)),
        Example("bank-en", "q2", "en", "weak", 0.25, (Level("c", "merit", 1.0, SIGNALS, reached=True),)),
    ]
    write_table(tmp_path / "table.csv", examples)
    assert read_table(tmp_path / "table.csv") == examples


def test_levels_share_out_the_points_above_the_lowest(rubric: Rubric) -> None:
    methods = levels_of(rubric, "methods", [SIGNALS, SIGNALS], reached=1)
    wrong = levels_of(rubric, "wrong", [SIGNALS])
    assert [level.share for level in methods] == pytest.approx([0.2, 0.2])
    assert [level.reached for level in methods] == [True, False]
    assert [(level.kind, level.share, level.reached) for level in wrong] == [("mistake", pytest.approx(-0.2), None)]
    assert levels_of(rubric, "methods", []) == ()


@pytest.mark.parametrize("content", ["", "dataset,question\na,b\n", "no table\n1\n"])
def test_another_file_is_named_with_the_fix(tmp_path: Path, content: str) -> None:
    file = tmp_path / "other.csv"
    file.write_text(content or "x\n", encoding="utf-8")
    file = file if content else tmp_path / "missing.csv"
    with pytest.raises(UnreadableGrades, match=r"is no table of signals .* give a file that"):
        read_table(file)


def test_the_same_examples_give_the_same_bytes(tmp_path: Path) -> None:
    example = Example("set", "q1", "en", "a1", 2 / 3, (Level("c", "merit", 1 / 3, SIGNALS, reached=True),))
    write_table(tmp_path / "one.csv", [example])
    write_table(tmp_path / "two.csv", [example])
    assert (tmp_path / "one.csv").read_bytes() == (tmp_path / "two.csv").read_bytes()
    header, row = (tmp_path / "one.csv").read_text(encoding="utf-8").splitlines()
    assert header.startswith("dataset,question,language,answer,known,criterion,kind,share,reached,judge,verifier,")
    assert row == "set,q1,en,a1,0.6667,c,merit,0.3333,1,1.25,-3.5,0.0123,0.5,0.25"


def test_a_question_without_the_verifier_comes_back(tmp_path: Path) -> None:
    level = Level("c", "merit", 1.0, replace(SIGNALS, verifier=None))
    write_table(tmp_path / "table.csv", [Example("set", "q1", "en", "a1", 0.5, (level,))])
    assert read_table(tmp_path / "table.csv")[0].levels == (level,)


@given(
    st.lists(st.tuples(st.integers(0, 10000), st.sampled_from(["merit", "mistake", "gate"]), st.booleans() | st.none()))
)
def test_four_digits_are_kept(levels: list[tuple[int, Any, bool | None]]) -> None:
    example = Example(
        "set",
        "q",
        "en",
        "a",
        None,
        tuple(
            Level("c", kind, number / 1e4, replace(SIGNALS, judge=-number / 1e4), reached)
            for number, kind, reached in levels
        ),
    )
    with tempfile.TemporaryDirectory() as folder:
        write_table(Path(folder) / "table.csv", [example])
        assert read_table(Path(folder) / "table.csv") == [example]


def test_a_gate_s_share_is_its_cap(rubric: Rubric) -> None:
    gate = {"id": "on-topic", "kind": "gate", "title": "t", "statement": "s", "cap": 0.3}
    data = rubric.model_dump(mode="json")
    gated = Rubric.model_validate({**data, "criteria": [*data["criteria"], gate]})
    (level,) = levels_of(gated, "on-topic", [SIGNALS], reached=0)
    assert (level.kind, level.share, level.reached) == ("gate", 0.3, False)


def test_signals_must_be_of_every_level(rubric: Rubric) -> None:
    with pytest.raises(ValueError, match="argument 2 is shorter"):
        levels_of(rubric, "methods", [SIGNALS])


@pytest.mark.parametrize(("dataset", "of_bank"), [("bank-en", True), ("bank-zh", True), ("asag", False)])
def test_the_bank_s_sets_are_known_by_name(dataset: str, of_bank: bool) -> None:
    assert is_bank(Example(dataset, "q", "en", "a", 1.0, ())) is of_bank
