from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vivavoce.rubrics import InvalidRubric, Rubric, RubricUnreadable, SignalWeights, default_bank, load_rubric
from vivavoce.rubrics.formats import format_of, losses, markdown, read_rubrics, to_yaml, write_rubrics

from ..builders import GATE, with_criterion

SAMPLE = Path(__file__).parents[2] / "data" / "rubric.yaml"
# What an editor of a rubric may type, and some programs take for the end of a line.
ANY_TEXT = st.text(
    alphabet=st.sampled_from(list("ab |\\<br>`*_#[]-+1.&;\n\r\x0b\x85\u2028：中文\"'")), min_size=1, max_size=40
)
# Some fields are stripped by the model itself.
TEXT = ANY_TEXT.filter(lambda text: text.strip() == text and text != "")


@pytest.mark.parametrize("ending", ["yaml", "json", "md"])
def test_the_whole_bank_comes_back_as_it_was(tmp_path: Path, ending: str) -> None:
    file = tmp_path / f"rubric.{ending}"
    for rubric in default_bank():
        write_rubrics([rubric], file)
        assert read_rubrics(file).rubrics == (rubric,)


@settings(max_examples=200, deadline=None)
@given(question=TEXT, statement=TEXT, note=TEXT, name=ANY_TEXT, point=TEXT, notes=ANY_TEXT)
def test_markdown_keeps_whatever_characters_there_are(
    question: str, statement: str, note: str, name: str, point: str, notes: str
) -> None:
    data = load_rubric(SAMPLE).model_dump(mode="json")
    data["question"]["text"] = question
    data["criteria"][0] |= {"statement": statement, "grader_notes": notes, "title": point}
    data["criteria"][1]["levels"][1] |= {"name": name, "description": notes + "x"}
    data["expected_points"][0]["text"] = point
    data["references"][0]["text"] = statement
    data["notes"] = notes
    data["examples"] = [{"answer": note, "levels": {"lower": 1, "methods": 0, "loss": 0, "wrong": 1}}]
    rubric = Rubric.model_validate(data)
    assert markdown.read_page(markdown.write_page(rubric), source="page.md") == rubric


@pytest.mark.parametrize("ending", ["yaml", "json", "md"])
def test_weights_of_the_signals_come_back(tmp_path: Path, rubric: Rubric, ending: str) -> None:
    weighed = rubric.model_copy(update={"weights": SignalWeights(judge=2.5, embedding=0.125)})
    file = tmp_path / f"rubric.{ending}"
    write_rubrics([weighed], file)
    assert read_rubrics(file).rubrics == (weighed,)


def test_one_file_holds_one_rubric_outside_canvas(tmp_path: Path, rubric: Rubric) -> None:
    with pytest.raises(InvalidRubric, match="one rubric a file, not 2"):
        write_rubrics([rubric, rubric], tmp_path / "x.json")


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("x.txt", "", "use one of"),
        ("x.json", "{", "line 1"),
        ("x.json", "{}", "question"),
        ("x.md", "text without a heading", "begin with the question as a heading"),
        ("x.md", "# What?\n\n- weights: judge\n", "line 1: the weight 'judge' has no value"),
        ("x.md", "# What?\n\n## Criteria\n\n### no colon\n", "line 5: a criterion's heading"),
        ("x.md", "# What?\n\n### stray\n", "line 3: 'stray' belongs to no section"),
        ("x.md", "# What?\n\n## Remarks\n\nread me\n", "line 3: there is no section 'Remarks'"),
        ("x.md", "# What?\n\n## Criteria\n\nread me\n", "line 5: 'read me' has no place here"),
        ("x.md", "# What?\n\nread me\n", "line 3: 'read me' has no place here"),
        ("x.md", "# What?\n\n## Expected points\n\n|a|\n|-|\n| a | b | core | P(y|x) |\n", r"line 7: .* this one 5"),
        ("x.md", "read me\n# What?\n", "line 1: the page must begin"),
        ("x.json", "[" * 100_000, "nested too deep"),
        ("x.json", '{"question": ' + "1" * 5000 + "}", "too long"),
        ("x.yaml", "id: 2026-13-45", "looks like a date"),
        ("x.yaml", "id: !!int x", "looks like a date"),
        ("x.md", "# What?\n", "line 1: question: 'id' is missing: add it"),
    ],
)
def test_what_cannot_be_read_is_one_sentence(tmp_path: Path, name: str, text: str, words: str) -> None:
    file = tmp_path / name
    file.write_text(text, encoding="utf-8")
    with pytest.raises((InvalidRubric, RubricUnreadable), match=words):
        read_rubrics(file)


def test_pages_may_be_edited_loosely(rubric: Rubric) -> None:
    page = markdown.write_page(rubric)
    longest = max(rubric.references, key=lambda reference: len(reference.text))
    written = page.split(f"### {longest.length}\n\n")[1].split("\n")[0]
    edited = page.replace(written, "- Memory: less\n- Speed: more")
    edited = "\n".join(line.removesuffix(" |") if "| core |" in line else line for line in edited.split("\n"))
    page_rubric = markdown.read_page(edited, source="page.md")
    assert "- Memory: less\n- Speed: more" in {reference.text for reference in page_rubric.references}
    assert page_rubric.expected_points == rubric.expected_points


@pytest.mark.parametrize(
    ("name", "kind"),
    [("a.yaml", "YAML"), ("a.YML", "YAML"), ("a.b.json", "JSON"), ("a.MD", "Markdown"), ("a.csv", "Canvas")],
)
def test_the_ending_names_the_format(name: str, kind: str) -> None:
    assert format_of(Path(name)) == kind


@pytest.mark.parametrize("name", ["rubric", "rubric.txt", "rubric.yaml.bak", ".md"])
def test_an_unknown_ending_is_refused(name: str) -> None:
    with pytest.raises(RubricUnreadable, match=r"use one of \.yaml, \.yml, \.json, \.md, \.csv"):
        format_of(Path(name))


@pytest.mark.parametrize("ending", ["yaml", "json", "md"])
@pytest.mark.parametrize("change", [lambda text: b"\xef\xbb\xbf" + text, lambda text: text.replace(b"\n", b"\r\n")])
def test_what_windows_editors_save_is_read(
    tmp_path: Path, rubric: Rubric, ending: str, change: Callable[[bytes], bytes]
) -> None:
    file = tmp_path / f"rubric.{ending}"
    write_rubrics([rubric], file)
    file.write_bytes(change(file.read_bytes()))
    assert read_rubrics(file).rubrics == (rubric,)


def test_a_draft_says_so_first(rubric: Rubric) -> None:
    draft = rubric.model_copy(update={"status": "draft"})
    assert to_yaml(draft).startswith("status: draft\n")
    assert not to_yaml(rubric).startswith("status")


def test_defaults_are_left_out(rubric: Rubric) -> None:
    text = to_yaml(rubric)
    assert not any(f"{name}:" in text for name in ("weights", "origin", "grader_notes", "importance", "examples"))


def test_only_markdown_loses_the_layout_of_canvas(rubric: Rubric) -> None:
    imported = rubric.model_copy(update={"origin": {"name": "A"}})
    assert losses([imported], "YAML") == losses([imported], "JSON") == losses([rubric], "Markdown") == []
    (notice,) = losses([imported], "Markdown")
    assert "layout of the Canvas file" in notice


def test_a_gate_comes_back_from_a_page(rubric: Rubric) -> None:
    gated = with_criterion(rubric, {**GATE, "cap": 0.35, "grader_notes": "Ask > twice.\n- or once"})
    assert markdown.read_page(markdown.write_page(gated), source="page.md") == gated


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("- kind: binary\n", "", "line 13: criterion 'lower': 'kind' is missing"),
        ("- points: 4.0", "- points: four", "line 13: criterion 'lower', points: 'four' is not a number"),
        ("- minutes: 5", "- minutes: 5\n- mood: good", "mood"),
        ("### short", "### long", "line 55: reference 1, length: 'long' is not known"),
        ("| core |", "| urgent |", "line 44: expected point 'bits', importance: "),
    ],
)
def test_a_page_is_checked_like_a_file(rubric: Rubric, old: str, new: str, words: str) -> None:
    page = markdown.write_page(rubric)
    assert old in page
    with pytest.raises(InvalidRubric, match=words) as error:
        markdown.read_page(page.replace(old, new, 1), source="page.md")
    assert str(error.value).startswith("page.md, line ")


def test_headings_of_sections_may_be_in_any_case(rubric: Rubric) -> None:
    page = markdown.write_page(rubric).replace("## References", "## REFERENCES")
    assert markdown.read_page(page, source="page.md") == rubric


def test_a_page_without_status_is_a_draft(rubric: Rubric) -> None:
    page = markdown.write_page(rubric).replace("- status: frozen\n", "")
    assert markdown.read_page(page, source="page.md").status == "draft"
