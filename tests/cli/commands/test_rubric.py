from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from vivavoce.graders.judge.servers.stub import StubJudgeServer
from vivavoce.rubrics import Rubric, load_rubric
from vivavoce.rubrics.formats import to_yaml

from ...rubrics.formats.test_canvas import EXPORT
from ...rubrics.test_edits import edited

Viva = Callable[..., subprocess.CompletedProcess[str]]
POINTS = [{"title": f"Point {number}", "text": f"It says INT{number}.", "importance": "core"} for number in (2, 4, 8)]


def test_a_draft_is_written_refused_frozen_and_then_graded_by(
    viva: Viva, tmp_path: Path, stub_judge: StubJudgeServer
) -> None:
    stub_judge.says = json.dumps({"points": POINTS})
    done = viva("rubric", "compile", "What are small integers?", "--id", "small-integers")
    assert done.returncode == 0, done.stderr
    draft = tmp_path / "small-integers.draft.yaml"
    assert yaml.safe_load(draft.read_text(encoding="utf-8"))["status"] == "draft"
    assert "draft" in viva("rubric", "check", draft).stdout
    stub_judge.says = ""

    answers = tmp_path / "answers.csv"
    answers.write_text("answer\nIt says INT8.\n", encoding="utf-8")
    refused = viva("grade", answers, "--rubric", draft)
    assert refused.returncode == 2
    assert "freeze" in refused.stderr

    assert "Content hash" in viva("rubric", "freeze", draft).stdout
    assert viva("grade", answers, "--rubric", draft).returncode == 0
    again = viva("rubric", "freeze", draft)
    assert (again.returncode, "frozen already" in again.stderr) == (2, True)


def test_a_new_question_gets_a_name_and_its_own_language(
    viva: Viva, tmp_path: Path, stub_judge: StubJudgeServer
) -> None:
    stub_judge.says = json.dumps({"points": POINTS})
    assert viva("rubric", "draft", "What is a vector?").returncode == 0
    assert load_rubric(tmp_path / "what-is-a-vector.draft.yaml").question.language == "en"
    assert viva("rubric", "draft", "什么是向量？").returncode == 0
    (chinese,) = tmp_path.glob("question-*.draft.yaml")
    assert load_rubric(chinese).question.language == "zh"


def test_a_draft_overwrites_nothing(viva: Viva, tmp_path: Path) -> None:
    (tmp_path / "quantization.draft.yaml").write_text("mine", encoding="utf-8")
    assert "exists" in viva("rubric", "compile", "quantization").stderr
    assert "zh or en" in viva("rubric", "compile", "quantization", "--language", "fr").stderr
    assert (tmp_path / "quantization.draft.yaml").read_text(encoding="utf-8") == "mine"


def test_an_unavailable_judge_is_one_sentence(viva: Viva, stub_judge: StubJudgeServer) -> None:
    stub_judge.behave("http_500")
    done = viva("rubric", "compile", "quantization")
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    assert "infrastructure" in done.stderr


@pytest.mark.parametrize("template", ["knowledge", "star", "case"])
@pytest.mark.parametrize("question", ['How would you do "it"?', "你会怎么做“这件事”？"])
def test_a_template_makes_a_draft_without_a_judge(viva: Viva, tmp_path: Path, template: str, question: str) -> None:
    done = viva("rubric", "new", question, "--template", template, "--out", "mine.yaml", VIVA_JUDGE_URL="")
    assert done.returncode == 0, done.stderr
    rubric = load_rubric(tmp_path / "mine.yaml")
    assert (rubric.status, rubric.question.text, rubric.max_points) == ("draft", question, 10)


def test_a_draft_that_is_not_complete_stays_a_draft(viva: Viva, tmp_path: Path) -> None:
    viva("rubric", "new", "What is a vector?", "--out", "template.yaml")
    done = viva("rubric", "freeze", "template.yaml")
    assert (done.returncode, "from its template" in done.stderr) == (2, True)
    (tmp_path / "canvas.csv").write_text(EXPORT, encoding="utf-8")
    viva("rubric", "import", "canvas.csv", "--out", "rubrics")
    file = tmp_path / "rubrics" / "communication.yaml"
    before = file.read_bytes()
    done = viva("rubric", "freeze", file)
    assert (done.returncode, "expected points" in done.stderr, str(file) in done.stderr) == (2, True, True)
    assert file.read_bytes() == before
    assert sorted(path.name for path in file.parent.iterdir()) == ["communication.yaml", "system-design.yaml"]


def test_freezing_changes_the_status_and_nothing_else(viva: Viva, tmp_path: Path, rubric: Rubric) -> None:
    file = tmp_path / "mine.yaml"
    draft = "\ufeff" + to_yaml(edited(rubric, "status", value="draft")).replace("\n", "\r\n")
    file.write_bytes(draft.encode("utf-8"))
    assert viva("rubric", "freeze", file).returncode == 0
    assert file.read_bytes() == draft.replace("status: draft", "status: frozen").encode("utf-8")


def test_an_unknown_template_is_one_sentence(viva: Viva) -> None:
    assert "knowledge, star, case" in viva("rubric", "new", "What?", "--template", "essay").stderr


def test_a_canvas_export_goes_in_and_out_unchanged(viva: Viva, tmp_path: Path) -> None:
    (tmp_path / "canvas.csv").write_text(EXPORT, encoding="utf-8")
    done = viva("rubric", "import", "canvas.csv", "--out", "rubrics")
    assert (done.returncode, done.stderr) == (0, "")
    files = ["rubrics/system-design.yaml", "rubrics/communication.yaml"]
    done = viva("rubric", "export", *files, "--out", "again.csv")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "again.csv").read_bytes() == (tmp_path / "canvas.csv").read_bytes()
    assert "exists" in viva("rubric", "import", "canvas.csv", "--out", "rubrics").stderr
    done = viva("rubric", "import", "rubrics/communication.yaml", "--out", "page.md")
    assert "left out" in done.stderr


def test_an_export_says_what_it_leaves_out(viva: Viva, tmp_path: Path) -> None:
    done = viva("rubric", "export", "quantization", "13.2", "--language", "zh", "--out", "bank.csv")
    assert done.returncode == 0
    assert "expected points" in done.stderr
    done = viva("rubric", "export", "quantization", "13.2", "--out", "pages", "--format", "md")
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(path.name for path in (tmp_path / "pages").iterdir()) == ["quantization.md", "retrieval.md"]
    assert "exists" in viva("rubric", "export", "quantization", "--out", "pages", "--format", "md").stderr
    assert "one rubric a file" in viva("rubric", "export", "quantization", "13.2", "--out", "x.json").stderr
    assert "use one of" in viva("rubric", "import", "notes.txt").stderr


def test_lint_names_file_line_and_rule(viva: Viva, tmp_path: Path, rubric: Rubric) -> None:
    broken = edited(rubric, "criteria", 0, "statement", value="The answer explains bits in detail.")
    (tmp_path / "mine.yaml").write_text(to_yaml(broken), encoding="utf-8")
    done = viva("rubric", "lint", "mine.yaml")
    assert done.returncode == 1
    assert "rewards length: say which fact is wanted [length]" in done.stdout
    assert done.stdout.startswith("mine.yaml:")
    assert "does not exist" in viva("rubric", "lint", "nowhere.yaml").stderr


def test_an_edited_rubric_reaches_the_grades_that_are_there(viva: Viva, tmp_path: Path, rubric: Rubric) -> None:
    file, answers = tmp_path / "mine.yaml", tmp_path / "answers.csv"
    file.write_text(to_yaml(rubric), encoding="utf-8")
    answers.write_text("answer\nIt says INT8 instead of FP16.\n", encoding="utf-8")
    assert viva("grade", answers, "--rubric", file).returncode == 0
    assert "newest version" in viva("rubric", "apply", file).stdout
    file.write_text(to_yaml(edited(rubric, "criteria", 0, "points", value=1)), encoding="utf-8")
    assert "1 recomputed, 0 flagged" in viva("rubric", "apply", file).stdout
    changed = edited(rubric, "criteria", 0, "statement", value="The answer says INT8.")
    file.write_text(to_yaml(changed), encoding="utf-8")
    done = viva("rubric", "apply", file)
    assert "0 recomputed, 1 flagged" in done.stdout
    assert "stale: criterion 'lower' is worded differently" in done.stdout
    assert "1 to be graded again" in viva("rubric", "apply", file, "--regrade").stdout
