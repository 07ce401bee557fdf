from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vivavoce.rubrics import InvalidRubric, Rubric, RubricUnreadable, SignalWeights, default_bank, load_rubric
from vivavoce.rubrics.formats import markdown, read_rubrics, write_rubrics

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
        ("x.md", "# What?\n", "question.id"),
    ],
)
def test_what_cannot_be_read_is_one_sentence(tmp_path: Path, name: str, text: str, words: str) -> None:
    file = tmp_path / name
    file.write_text(text, encoding="utf-8")
    with pytest.raises((InvalidRubric, RubricUnreadable), match=words):
        read_rubrics(file)


def test_a_reference_may_look_like_a_list_and_a_row_may_lack_its_last_stroke(rubric: Rubric) -> None:
    page = markdown.write_page(rubric)
    longest = max(rubric.references, key=lambda reference: len(reference.text))
    written = page.split(f"### {longest.length}\n\n")[1].split("\n")[0]
    edited = page.replace(written, "- Memory: less\n- Speed: more")
    edited = "\n".join(line.removesuffix(" |") if "| core |" in line else line for line in edited.split("\n"))
    found = markdown.read_page(edited, source="page.md")
    assert "- Memory: less\n- Speed: more" in {reference.text for reference in found.references}
    assert found.expected_points == rubric.expected_points
