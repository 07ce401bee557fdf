from __future__ import annotations

import random
from typing import Any

import pytest

from vivavoce.graders.combine import level_probabilities
from vivavoce.graders.fitting import Example, examples_of_bank, fit, report_bank
from vivavoce.graders.types import LevelSignals

SIGNAL = {"judge": 1.0, "embedding": 0.01, "rouge": 0.4}


def _examples(*, telling: str, kind: Any = "merit", count: int = 200) -> list[Example]:
    """Examples in which one signal says what is known, and the others are noise."""
    draw = random.Random(1)
    found = []
    for number in range(count):
        known = float(number % 2)
        values = {"judge": draw.gauss(0, 1), "embedding": draw.gauss(0, 0.03), "rouge": draw.random()}
        values[telling] = {"judge": 3.0, "embedding": 0.1, "rouge": 1.0}[telling] * known
        found.append(Example("set", f"q{number}", f"a{number}", kind, known, (LevelSignals(**values),)))
    return found


@pytest.mark.parametrize("telling", ["judge", "embedding", "rouge"])
def test_the_signal_that_tells_decides(telling: str) -> None:
    examples = _examples(telling=telling)
    merit = fit(examples).merit
    chances = [level_probabilities(example.signals, merit)[1] for example in examples]
    assert min(c for c, e in zip(chances, examples, strict=True) if e.known) > 0.5
    assert max(c for c, e in zip(chances, examples, strict=True) if not e.known) < 0.5
    assert all(weight >= 0 for weight in merit.weights.values())


def test_mistakes_are_weighed_on_their_own() -> None:
    examples = [*_examples(telling="judge"), *_examples(telling="rouge", kind="mistake")]
    fitted = fit(examples)
    assert fitted.merit.weights["judge"] > fitted.mistake.weights["judge"]
    assert fitted.mistake.weights["rouge"] > fitted.merit.weights["rouge"]


def test_every_data_set_weighs_the_same() -> None:
    agreeing = _examples(telling="judge", count=400)
    contrary = [Example("other", e.question_id, e.answer_id, e.kind, 1 - e.known, e.signals) for e in agreeing[:40]]
    # As many for as against, though not as many answers: the judge can then say nothing.
    assert fit([*agreeing, *contrary]).merit.weights["judge"] == pytest.approx(0, abs=0.01)


def _qualified() -> dict[str, Any]:
    """What `viva bank qualify --json` would write of one question, had it graded three of its levels."""

    def standing(quality: str, grade: float, levels: dict[str, int], lift: float) -> dict[str, Any]:
        signals = {**SIGNAL, "embedding": lift}
        rows = [{"criterion": name, "level": level, "signals": [signals]} for name, level in levels.items()]
        return {"quality": quality, "grade": grade, "score": grade, "criteria": rows}

    standings = [
        standing("excellent", 10, {"embedding-search": 1, "stored-in-weights": 0}, 0.2),
        standing("adequate", 6, {"embedding-search": 1, "stored-in-weights": 0}, 0.15),
        standing("weak", 2, {"embedding-search": 0, "stored-in-weights": 0}, 0.0),
        standing("wrong", 0, {"embedding-search": 0, "stored-in-weights": 1}, -0.1),
    ]
    question = {"question": "retrieval", "topic": "retrieval", "standings": standings}
    rejection = {"question": "retrieval", "language": "en", "criterion": "stored-in-weights", "signals": [SIGNAL]}
    return {
        "questions": [{**question, "language": language} for language in ("en", "zh")],
        "rejections": {"each": [rejection]},
    }


def test_the_bank_gives_an_example_for_each_level_and_rejection() -> None:
    found = examples_of_bank(_qualified())
    assert len(found) == 2 * 4 * 2 + 1
    assert {example.dataset for example in found} == {"bank-en", "bank-zh"}
    assert [(e.kind, e.known) for e in found if e.answer_id == "rejection"] == [("mistake", 0.0)]
    assert sum(e.known for e in found if e.kind == "mistake") == 2


def test_the_report_on_the_bank_leaves_the_question_out(capsys: pytest.CaptureFixture[str]) -> None:
    report_bank(_qualified(), [*_examples(telling="embedding"), *_examples(telling="judge", kind="mistake")])
    said = capsys.readouterr().out
    assert "of 2 (" in said
    assert "mean difference of the languages 0.000" in said
    assert "held against the candidate 0 of 1" in said
