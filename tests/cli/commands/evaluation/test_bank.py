from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from vivavoce.graders.judge.servers.stub import StubJudgeServer
from vivavoce.rubrics.qualification import QUALITIES

from ...conftest import Viva


@pytest.mark.processes
def test_a_qualification_run_names_questions_out_of_order(viva: Viva, tmp_path: Path) -> None:
    # Neither the stub nor the other signals order these answers.
    name = "online-inference-system"
    arguments = ("bank", "qualify", "--question", name, "--json", "figures.json")
    done = viva(*arguments)
    assert done.returncode == 1, done.stderr
    assert "Scores of answers of known quality" in done.stdout
    assert re.search(rf"{name} \(en\): \w+ [\d.]+ is not\s+below \w+ [\d.]+", done.stdout)
    figures = json.loads((tmp_path / "figures.json").read_text(encoding="utf-8"))
    assert figures["in_order"]["of"] == 2
    assert [(q["question"], q["language"]) for q in figures["questions"]] == [(name, "en"), (name, "zh")]
    assert {s["quality"] for s in figures["questions"][0]["answers"]} == set(QUALITIES)
    assert figures["language_gap"]["mean"] is not None


@pytest.mark.processes
def test_what_was_judged_is_not_judged_again(viva: Viva, tmp_path: Path, stub_judge: StubJudgeServer) -> None:
    arguments = ("bank", "qualify", "--question", "retrieval", "--language", "zh", "--json", "figures.json")
    viva(*arguments)
    first, asked = (tmp_path / "figures.json").read_text(encoding="utf-8"), len(stub_judge.answered)
    viva(*arguments)
    assert (tmp_path / "figures.json").read_text(encoding="utf-8") == first
    assert len(stub_judge.answered) - asked <= 1


def test_an_unavailable_judge_is_one_sentence(viva: Viva, stub_judge: StubJudgeServer) -> None:
    stub_judge.behave("http_500")
    done = viva("bank", "qualify", "--question", "retrieval", VIVA_JUDGE_DEADLINE_SECONDS="2")
    assert done.returncode == 2
    assert "The judge is unavailable" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(("--language", "fr"), "zh or en"), (("--question", "nothing"), "There is no question")],
)
def test_bad_options_are_one_sentence(viva: Viva, arguments: tuple[str, ...], words: str) -> None:
    done = viva("bank", "qualify", *arguments)
    assert (done.returncode, words in done.stderr) == (2, True)


def test_publishing_twice_publishes_once(viva: Viva, tmp_path: Path) -> None:
    source = Path(__file__).parents[4] / "rubrics" / "bank" / "en" / "retrieval.yaml"
    target = tmp_path / "bank" / "en" / "retrieval.yaml"
    target.parent.mkdir(parents=True)
    target.write_bytes(source.read_bytes())
    assert "1 published, 1 versions in all" in viva("bank", "publish", "bank").stdout
    assert "0 published, 1 versions in all" in viva("bank", "publish", "bank").stdout
