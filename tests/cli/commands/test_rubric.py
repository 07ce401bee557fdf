from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from vivavoce.graders.judge.servers.stub import StubJudgeServer
from vivavoce.graders.scoring.coefficients import default_coefficients
from vivavoce.graders.testing import scripted_panel
from vivavoce.rubrics import Rubric, load_rubric
from vivavoce.rubrics.formats import to_yaml

from ...rubrics.formats.test_canvas import EXPORT
from ...rubrics.test_edits import edited
from ..conftest import Submit, Viva

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
    assert (done.returncode, "layout" in done.stderr) == (0, False)
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


# Drafts and files, without a judge


@pytest.mark.parametrize(
    ("question", "options", "identifier", "language"),
    [
        ("What is a vector?", [], "what-is-a-vector", "en"),
        ("什么是 vector database？", [], "vector-database", "zh"),
        ("What is a vector?", ["--language", "zh"], "what-is-a-vector", "zh"),
        ("What is a vector?", ["--id", "vectors"], "vectors", "en"),
    ],
)
def test_a_new_draft_takes_id_and_language_from_its_question(
    viva: Viva, tmp_path: Path, question: str, options: list[str], identifier: str, language: str
) -> None:
    assert viva("rubric", "new", question, *options).returncode == 0
    rubric = load_rubric(tmp_path / f"{identifier}.draft.yaml")
    assert (rubric.question.id, rubric.question.language) == (identifier, language)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["new", "What?", "--id", "Not a slug"], "--id or question: "),
        (["new", ""], "--id or question: "),
        (["new", "What?", "--language", "fr"], "There is no language 'fr': use zh or en."),
        (["draft", "no-such-question"], "There is no question 'no-such-question'"),
        (["draft", "quantization", "--reference", "missing.txt"], "missing.txt: No such file or directory."),
        (["check", "missing.yaml"], "missing.yaml does not exist"),
        (["freeze", "missing.yaml"], "missing.yaml does not exist"),
        (["export", "no-such-question", "--out", "a.yaml"], "There is no question 'no-such-question'"),
        (["export", "missing.yaml", "--out", "a.json"], "missing.yaml"),
        (["export", "quantization", "--out", "a.yaml", "--language", "fr"], "There is no language 'fr'"),
        (["import", "a.yaml", "--language", "fr"], "There is no language 'fr'"),
    ],
)
def test_mistakes_are_one_sentence(viva: Viva, tmp_path: Path, arguments: list[str], words: str) -> None:
    done = viva("rubric", *arguments)
    assert (done.returncode, words in done.stderr) == (2, True), done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert list(tmp_path.glob("*.yaml")) == []


def test_valid_files_are_described_up_to_the_first_bad_one(viva: Viva, tmp_path: Path, rubric: Rubric) -> None:
    (tmp_path / "a.yaml").write_text(to_yaml(rubric), encoding="utf-8")
    (tmp_path / "b.yaml").write_text("question: 1", encoding="utf-8")
    done = viva("rubric", "check", "a.yaml", "b.yaml", "a.yaml")
    assert done.returncode == 2
    assert done.stdout.startswith(f"a.yaml: frozen, {len(rubric.criteria)} criteria, 10 points, content hash ")
    assert len(done.stdout.splitlines()) == 1
    assert "b.yaml" in done.stderr


@pytest.mark.parametrize("line", ["status: 'draft'", "status: draft # not yet", 'status: "draft"', "status: draft # x"])
def test_only_a_plain_status_line_is_frozen(viva: Viva, tmp_path: Path, rubric: Rubric, line: str) -> None:
    file = tmp_path / "mine.yaml"
    text = to_yaml(edited(rubric, "status", value="draft")).replace("status: draft", line)
    file.write_text(text, encoding="utf-8")
    done = viva("rubric", "freeze", file)
    assert done.returncode == 2
    assert "mine.yaml needs the line 'status: draft' exactly once" in done.stderr
    assert file.read_text(encoding="utf-8") == text


def test_comments_survive_freezing(viva: Viva, tmp_path: Path, rubric: Rubric) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("# 我的\n" + to_yaml(edited(rubric, "status", value="draft")), encoding="utf-8")
    assert viva("rubric", "freeze", file).returncode == 0
    assert file.read_text(encoding="utf-8").startswith("# 我的\n")
    assert load_rubric(file).status == "frozen"


# Formats


def test_rubrics_of_one_name_are_not_exported_to_one_folder(viva: Viva, tmp_path: Path) -> None:
    done = viva("rubric", "export", "quantization", "quantization", "--out", "pages", "--format", "md")
    assert (done.returncode, "have the same identifier" in done.stderr) == (2, True)
    assert list((tmp_path / "pages").iterdir()) == []


def test_several_rubrics_are_not_imported_into_one_file(viva: Viva, tmp_path: Path) -> None:
    (tmp_path / "canvas.csv").write_text(EXPORT, encoding="utf-8")
    done = viva("rubric", "import", "canvas.csv", "--out", "one.yaml")
    assert done.returncode == 2
    assert "has 2 rubrics: name a folder with --out, not a file." in done.stderr
    assert not (tmp_path / "one.yaml").exists()


def test_names_that_become_equal_are_refused(viva: Viva, tmp_path: Path) -> None:
    twice = EXPORT.replace("Communication,", "System: Design,")
    (tmp_path / "canvas.csv").write_text(twice, encoding="utf-8")
    done = viva("rubric", "import", "canvas.csv", "--out", "rubrics")
    assert done.returncode == 2
    assert "has two rubrics whose names give the same identifier: rename one." in done.stderr
    assert not (tmp_path / "rubrics").exists()


def test_an_import_without_a_folder_goes_here(viva: Viva, tmp_path: Path) -> None:
    assert viva("rubric", "export", "quantization", "--out", "q.json").returncode == 0
    done = viva("rubric", "import", "q.json")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("quantization.yaml: frozen, ")
    assert load_rubric(tmp_path / "quantization.yaml").question.language == "en"


def test_an_import_that_would_overwrite_writes_nothing(viva: Viva, tmp_path: Path) -> None:
    (tmp_path / "canvas.csv").write_text(EXPORT, encoding="utf-8")
    (tmp_path / "communication.yaml").write_text("mine", encoding="utf-8")
    done = viva("rubric", "import", "canvas.csv")
    assert (done.returncode, "communication.yaml exists" in done.stderr) == (2, True)
    assert not (tmp_path / "system-design.yaml").exists()


def test_bad_rubrics_among_good_ones_are_named_and_the_good_ones_written(viva: Viva, tmp_path: Path) -> None:
    bad = "Unclear,Tone,Polite,false,Full,,many,No,,0,,,\n"
    (tmp_path / "canvas.csv").write_text(EXPORT + bad, encoding="utf-8")
    done = viva("rubric", "import", "canvas.csv", "--out", "rubrics")
    assert done.returncode == 1
    assert sorted(file.name for file in (tmp_path / "rubrics").iterdir()) == [
        "communication.yaml",
        "system-design.yaml",
    ]
    assert "not imported: canvas.csv, line 6: criterion 'Tone', rating 'Full': 'many' is no number" in done.stderr
    refused = viva("rubric", "export", "canvas.csv", "--out", "all.csv")
    assert (refused.returncode, "'many'" in refused.stderr) == (2, True)


@pytest.mark.parametrize("command", ["check", "freeze", "import"])
def test_wordings_that_no_judge_can_grade_are_shown_with_file_and_line(
    viva: Viva, tmp_path: Path, rubric: Rubric, command: str
) -> None:
    worded = edited(rubric, "criteria", 0, "statement", value="The answer must not mention FP16.")
    text = to_yaml(edited(worded, "status", value="draft"))
    (tmp_path / "mine.yaml").write_text(text, encoding="utf-8")
    arguments = ["--out", "again.yaml"] if command == "import" else []
    done = viva("rubric", command, "mine.yaml", *arguments)
    assert done.returncode == 0, done.stderr
    line = text.split("\n").index("  statement: The answer must not mention FP16.") + 1
    name = "again.yaml" if command == "import" else "mine.yaml"
    assert f"lint: {name}:{line}: 'must not mention FP16' in 'lower' rewards what is left out" in done.stderr


@pytest.mark.parametrize("name", ["canvas.csv", "page.md"])
def test_other_formats_are_to_be_imported_first(viva: Viva, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("x\n", encoding="utf-8")
    for command in ("check", "freeze"):
        assert (
            f"{name} is no YAML file: make one of it with 'viva rubric import {name}'."
            in viva("rubric", command, name).stderr
        )


# Edits of rubrics that graded already


@pytest.fixture
def graded_file(
    submit: Submit, grade_waiting: Callable[..., None], rubric: Rubric, tmp_path: Path
) -> Callable[[Rubric], Path]:
    """Two answers are graded by the rubric; gives a file with another version of it."""
    submit("INT8 instead of FP16", "fewer bits")
    # Only scores by the coefficients of the settings can be recomputed.
    grade_waiting(replace(scripted_panel(), coefficients=default_coefficients()))

    def write(changed: Rubric) -> Path:
        file = tmp_path / "mine.yaml"
        file.write_text(to_yaml(changed), encoding="utf-8")
        return file

    return write


def test_grades_of_the_newest_version_stay(viva: Viva, graded_file: Callable[[Rubric], Path], rubric: Rubric) -> None:
    done = viva("rubric", "apply", graded_file(rubric))
    assert done.stdout == "every grade uses the newest version of its rubric, or is flagged already\n"


def test_changed_points_are_recomputed_once(viva: Viva, graded_file: Callable[[Rubric], Path], rubric: Rubric) -> None:
    file = graded_file(edited(rubric, "criteria", 0, "points", value=1))
    first = viva("rubric", "apply", file).stdout
    assert "quantization (en) from " in first
    assert "2 recomputed, 0 flagged, 0 to be graded again" in first
    assert "every grade uses the newest version" in viva("rubric", "apply", file).stdout


@pytest.mark.parametrize(
    ("options", "counts"),
    [([], "0 recomputed, 2 flagged, 0 to be graded again"), (["--regrade"], "0 recomputed, 0 flagged, 2 to be")],
)
def test_changed_words_are_flagged_or_graded_again(
    viva: Viva, graded_file: Callable[[Rubric], Path], rubric: Rubric, options: list[str], counts: str
) -> None:
    file = graded_file(edited(rubric, "criteria", 0, "statement", value="The answer says INT8."))
    done = viva("rubric", "apply", file, *options)
    assert counts in done.stdout
    assert "  stale: criterion 'lower' is worded differently" in done.stdout


def test_a_draft_replaces_no_version(viva: Viva, graded_file: Callable[[Rubric], Path], rubric: Rubric) -> None:
    done = viva("rubric", "apply", graded_file(edited(rubric, "status", value="draft")))
    assert (done.returncode, "draft" in done.stderr) == (2, True)
