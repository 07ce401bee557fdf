from __future__ import annotations

from pathlib import Path

import pytest

from vivavoce.evaluation.fitting import Example, Level, levels_of, read_table, write_table
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
def test_another_file_is_named_with_the_mend(tmp_path: Path, content: str) -> None:
    file = tmp_path / "other.csv"
    file.write_text(content or "x\n", encoding="utf-8")
    file = file if content else tmp_path / "away.csv"
    with pytest.raises(UnreadableGrades, match=r"is no table of signals .* give a file that"):
        read_table(file)
