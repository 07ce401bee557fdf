from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from vivavoce.graders.errors import UnreadableGrades
from vivavoce.graders.scoring.coefficients import (
    COEFFICIENTS,
    FEATURES,
    PARTS,
    SIGNALS,
    Weights,
    default_coefficients,
    level_kind,
    read_coefficients,
    write_coefficients,
)
from vivavoce.graders.testing import HASHING_COEFFICIENTS
from vivavoce.graders.types import LevelSignals
from vivavoce.rubrics import Rubric
from vivavoce.rubrics.criteria import GateCriterion

GATE = GateCriterion(id="g", kind="gate", title="t", statement="s", cap=0.3)
WEIGHTS = Weights(
    intercept=-1.0,
    weights=dict.fromkeys(FEATURES, 0.0) | {"judge": 2.0, "term_recall": 3.0},
    means=dict.fromkeys(FEATURES, 0.5),
    lapse_rate=0.1,
    zh_offsets={"judge": 0.25},
)


def _document() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(COEFFICIENTS.read_text(encoding="utf-8"))
    return {**document, "questions": {}}


def _break(*path: str, value: object = None) -> dict[str, Any]:
    """The shipped document with one entry replaced, or removed without a value."""
    document = _document()
    parent: Any = document
    for name in path[:-1]:
        parent = parent[name]
    if value is None:
        del parent[path[-1]]
    else:
        parent[path[-1]] = value
    return document


@pytest.mark.parametrize(
    ("document", "cause"),
    [
        (_break("version"), "KeyError: 'version'"),
        (_break("merit"), "KeyError: 'merit'"),
        (_break("mistake", "intercept"), "KeyError: 'intercept'"),
        (_break("merit", "weights", "judge"), "KeyError: 'judge'"),
        (_break("merit", "means", "judge"), "KeyError: 'judge'"),
        (_break("merit", "lapse_rate"), "KeyError: 'lapse_rate'"),
        (_break("merit", "zh_offsets"), "KeyError: 'zh_offsets'"),
        (_break("confidence"), "KeyError: 'confidence'"),
        (_break("confidence", "midscale"), "TypeError"),
        (_break("confidence", "mood", value=1.0), "TypeError"),
        (_break("merit", "weights", "judge", value="much"), "ValueError: could not convert"),
        (_break("merit", "weights", "mood", value=1.0), "ValueError: weights of mood"),
        (_break("grades", value="many"), "ValueError"),
        (_break("questions", value=["one"]), "AttributeError"),
        (_break("questions", value={"one": {}}), "KeyError: 'confidence'"),
        ([1, 2], "AttributeError"),
    ],
)
def test_a_broken_file_is_refused_with_cause_and_fix(tmp_path: Path, document: object, cause: str) -> None:
    file = tmp_path / "own.yaml"
    file.write_text(yaml.safe_dump(document), encoding="utf-8")
    with pytest.raises(UnreadableGrades) as error:
        read_coefficients(file)
    message = str(error.value)
    assert message.startswith(f"{file} holds no coefficients (")
    assert cause in message
    assert "'viva calibrate'" in message
    assert "VIVA_COEFFICIENTS" in message


@pytest.mark.parametrize(
    ("write", "cause"),
    [
        (lambda file: None, "FileNotFoundError"),
        (lambda file: file.mkdir(), "IsADirectoryError"),
        (lambda file: file.write_bytes(b"version: \xff"), "UnicodeDecodeError"),
        (lambda file: file.write_text("merit: ["), "ParserError"),
        (lambda file: file.write_text(""), "AttributeError"),
    ],
    ids=["missing", "folder", "not UTF-8", "not YAML", "empty"],
)
def test_what_is_no_coefficients_file_is_refused(tmp_path: Path, write: Callable[[Path], object], cause: str) -> None:
    file = tmp_path / "own.yaml"
    write(file)
    with pytest.raises(UnreadableGrades, match=cause):
        read_coefficients(file)


def test_a_file_from_before_grades_were_counted_is_read(tmp_path: Path) -> None:
    file = tmp_path / "own.yaml"
    file.write_text(yaml.safe_dump(_break("grades") if "grades" in _document() else _document()), encoding="utf-8")
    assert read_coefficients(file).grades == 0


def test_the_shipped_file_is_written_as_it_is_read(tmp_path: Path) -> None:
    file = tmp_path / "again.yaml"
    write_coefficients(file, default_coefficients(), origin="到 12 个评分")
    assert read_coefficients(file) == default_coefficients()
    assert list(yaml.safe_load(file.read_text(encoding="utf-8"))["questions"]) == list(default_coefficients().questions)


def test_versions_are_text_even_if_they_look_like_numbers(tmp_path: Path) -> None:
    file = tmp_path / "own.yaml"
    file.write_text(yaml.safe_dump(_break("version", value=8)), encoding="utf-8")
    assert read_coefficients(file).version == "8"


def test_every_feature_is_a_field_of_level_signals() -> None:
    assert set(FEATURES) == {field.name for field in dataclasses.fields(LevelSignals)}
    assert sum(len(features) for features in PARTS.values()) == len(FEATURES)
    # The judge comes first: score_without_judge relies on it.
    assert SIGNALS[0] == "judge"


def test_english_weights_stay_as_they_are() -> None:
    assert WEIGHTS.for_language("en") is WEIGHTS


def test_chinese_offsets_are_folded_in_once() -> None:
    chinese = WEIGHTS.for_language("zh")
    assert chinese.intercept == pytest.approx(-1.0 - 2.0 * 0.25)
    assert chinese.means["judge"] == pytest.approx(0.75)
    assert chinese.means["term_recall"] == 0.5
    assert (chinese.weights, chinese.lapse_rate) == (WEIGHTS.weights, 0.1)
    assert chinese.for_language("zh") == chinese


@given(st.floats(0, 1), st.floats(0, 0.49))
def test_lapses_pull_every_probability_towards_a_half(probability: float, lapse_rate: float) -> None:
    lapsed = dataclasses.replace(WEIGHTS, lapse_rate=lapse_rate).with_lapses(probability)
    assert lapse_rate - 1e-12 <= lapsed <= 1 - lapse_rate + 1e-12
    assert abs(lapsed - 0.5) <= abs(probability - 0.5) + 1e-12


def test_each_kind_of_level_has_its_weights(rubric: Rubric) -> None:
    kinds = {criterion.kind: level_kind(criterion) for criterion in (*rubric.criteria, GATE)}
    assert kinds == {"binary": "merit", "ordinal": "merit", "negative": "mistake", "gate": "gate"}
    coefficients = dataclasses.replace(HASHING_COEFFICIENTS, merit=WEIGHTS)
    assert coefficients.weights_for("merit", "any", "en") == WEIGHTS
    assert coefficients.weights_for("mistake", "any", "en") == HASHING_COEFFICIENTS.mistake
    assert coefficients.weights_for("gate", "any", "en") == dataclasses.replace(WEIGHTS, lapse_rate=0.0)
    assert coefficients.for_criterion(GATE, rubric.question) == coefficients.weights_for("gate", "any", "en")


def test_a_question_with_weights_of_its_own_uses_them() -> None:
    own_weights = dataclasses.replace(HASHING_COEFFICIENTS.general, merit=WEIGHTS, grades=12)
    coefficients = dataclasses.replace(HASHING_COEFFICIENTS, questions={"bert": own_weights})
    assert coefficients.for_question("bert") is own_weights
    assert coefficients.for_question("rag") == coefficients.general
    assert coefficients.weights_for("merit", "bert", "zh") == WEIGHTS.for_language("zh")
    assert coefficients.weights_for("merit", "rag", "en") == HASHING_COEFFICIENTS.merit


def test_strictness_says_whose_grades_decide() -> None:
    general = HASHING_COEFFICIENTS.general
    coefficients = dataclasses.replace(
        HASHING_COEFFICIENTS, questions={"bank": general, "ours": dataclasses.replace(general, grades=40)}
    )
    assert [coefficients.strictness(name) for name in ("ours", "bank", "new")] == ["calibrated", "bank", "unknown"]
    calibrated = dataclasses.replace(coefficients, grades=40)
    assert [calibrated.strictness(name) for name in ("ours", "bank", "new")] == ["calibrated", "bank", "calibrated"]


@pytest.mark.parametrize("feature", ["term_recall", "rouge1_recall"])
def test_a_signal_counts_if_any_of_its_features_does(feature: str) -> None:
    nothing = dataclasses.replace(WEIGHTS, weights=dict.fromkeys(FEATURES, 0.0))
    some = dataclasses.replace(nothing, weights=nothing.weights | {feature: -0.1})
    for parts in ({"merit": some, "mistake": nothing}, {"merit": nothing, "mistake": some}):
        coefficients = dataclasses.replace(HASHING_COEFFICIENTS, **parts)  # type: ignore[arg-type]
        assert coefficients.uses_signal("rouge", "any")
        assert not coefficients.uses_signal("embedding", "any")
