from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivavoce.graders.judge.answer_delimiter import delimit_answer
from vivavoce.graders.judge.call_record import InMemoryVerdictCache
from vivavoce.graders.judge.clients.client import Deadlines
from vivavoce.graders.judge.prompt import (
    PROMPTS,
    Call,
    Context,
    Mode,
    PromptForm,
    Scope,
    ask_again_for_quote,
    build_trusted_block,
    items_of,
    load_template,
    number_sentences,
    plan_calls,
    without_numbers,
)
from vivavoce.graders.judge.rubric_judge import RubricJudge
from vivavoce.graders.types import EngineIdentity
from vivavoce.rubrics import Language, Rubric

# A change of these files changes every verdict: it is made on purpose, with the changelog, or not at all.
PROMPT_HASHES = {
    "common.en": "d4098868b7e32074",
    "common.zh": "0dd637339e8b8333",
    "compile.en": "b42018b21bdc699d",
    "compile.zh": "de733467a0abff5d",
    "explained.en": "6ce2620f9aed0695",
    "explained.zh": "1dfbc426797eaa23",
    "fast.en": "8d3788210198c187",
    "fast.zh": "373c8b1796cc1666",
}
# Stored verdicts are found by their requests, so these must not change either.
REQUEST_HASHES = {
    ("en", "fast/criterion/brief/zero-shot", 0): "f4414a7dd9f19b0b",
    ("en", "fast/criterion/full/few-shot", 0): "3732bba8721079e2",
    ("en", "fast/rubric/full/few-shot", 0): "6fa4fd9547757fc4",
    ("en", "explained/criterion/brief/zero-shot", 0): "528f27be8750996b",
    ("en", "explained/criterion/brief/zero-shot", 3): "f8361840195c08f4",
    ("en", "explained/rubric/full/zero-shot", 0): "ff894f70f66d133d",
    ("zh", "fast/criterion/brief/zero-shot", 0): "f8dfaef76b992490",
    ("zh", "fast/criterion/full/few-shot", 0): "51c8b121adbe3292",
    ("zh", "explained/rubric/full/few-shot", 0): "e4cd2206674560d3",
}


def _calls(rubric: Rubric, form: PromptForm, answer: str = "A.", language: Language = "en") -> list[Call]:
    template = load_template(language, form.mode)
    trusted = build_trusted_block(template, rubric, form)
    delimited = delimit_answer(answer, context=trusted, secret=b"s")
    return plan_calls(template, form, trusted=trusted, answer=delimited, items=items_of(rubric.criteria))


def _with_example(rubric: Rubric) -> Rubric:
    levels = {criterion.id: 1 for criterion in rubric.criteria}
    example = {"answer": "Half the bits. <<< x", "levels": levels}
    return Rubric.model_validate({**rubric.model_dump(), "examples": [example]})


def _in_language(rubric: Rubric, language: str) -> Rubric:
    return rubric.model_copy(update={"question": rubric.question.model_copy(update={"language": language})})


# What must not change


def test_prompt_files_are_what_they_were() -> None:
    hashes = {path.stem: hashlib.sha256(path.read_bytes()).hexdigest()[:16] for path in PROMPTS.glob("*.md")}
    assert hashes == PROMPT_HASHES


@pytest.mark.parametrize(("language", "form", "sample"), REQUEST_HASHES)
def test_requests_are_byte_for_byte_what_they_were(rubric: Rubric, language: str, form: str, sample: int) -> None:
    mode, scope, context, shots = form.split("/")
    judge = RubricJudge(
        base_urls=["http://judge"],
        identity=EngineIdentity("vllm", "model", "1"),
        secret=b"s",
        cache=InMemoryVerdictCache(),
        deadlines=Deadlines(1, 1),
        form=PromptForm(mode, scope, context, shots == "few-shot"),  # type: ignore[arg-type]
        sample=sample,
    )
    asked = _in_language(_with_example(rubric), language)
    requests = judge.requests_for(["[1] INT8 weights.\n[2] >>> It costs accuracy."], asked)
    digest = hashlib.sha256(json.dumps(requests).encode()).hexdigest()[:16]
    assert digest == REQUEST_HASHES[language, form, sample]


def test_the_fast_prompt_of_an_english_question(rubric: Rubric) -> None:
    template = load_template("en")
    trusted, asked = (message["content"] for message in _calls(rubric, PromptForm(), "[1] Fewer bits.")[0].messages)
    assert trusted == f"{template['instructions']}\n\nQuestion: {rubric.question.text}"
    nonce = delimit_answer("[1] Fewer bits.", context=trusted, secret=b"s").nonce
    statement = rubric.criteria[0].levels[1].description
    assert asked == f"Answer:\n<<< {nonce}\n[1] Fewer bits.\n>>> {nonce}\nPoint: {statement}\nMade? Yes or No:"


# Templates and forms


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("mode", ["fast", "explained"])
def test_a_template_has_labels_and_a_content_free_answer(language: Language, mode: str) -> None:
    template = load_template(language, mode)
    assert template.name == f"{mode}.{language}"
    assert template.yes[0] == {"en": "Yes", "zh": "是"}[language]
    assert set(template.yes).isdisjoint(template.no)
    assert template["content-free"]
    with pytest.raises(KeyError):
        template["no such section"]


def test_templates_of_different_files_differ_in_hash() -> None:
    hashes = {load_template(language, mode).hash for language in ("en", "zh") for mode in ("fast", "explained")}
    assert len(hashes) == 4


@pytest.mark.parametrize(
    ("form", "name", "is_one_token"),
    [
        (PromptForm(), "fast/criterion/brief/zero-shot", True),
        (PromptForm(few_shot=True, context="full"), "fast/criterion/full/few-shot", True),
        (PromptForm(scope="rubric"), "fast/rubric/brief/zero-shot", False),
        (PromptForm(mode="explained"), "explained/criterion/brief/zero-shot", False),
    ],
)
def test_a_form_has_a_name_and_a_reply(form: PromptForm, name: str, is_one_token: bool) -> None:
    assert (str(form), form.is_one_token) == (name, is_one_token)


def test_items_are_the_levels_above_the_lowest(rubric: Rubric) -> None:
    items = items_of(rubric.criteria)
    assert [(item.criterion, item.level) for item in items] == [
        ("lower", 1),
        ("methods", 1),
        ("methods", 2),
        ("loss", 1),
        ("wrong", 1),
    ]
    assert items[2].text == "Contrasts quantizing after training with quantization-aware training."


# Calls


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("mode", ["fast", "explained"])
@pytest.mark.parametrize("scope", ["criterion", "rubric"])
@pytest.mark.parametrize("context", ["brief", "full"])
def test_the_order_is_trusted_block_answer_task(
    rubric: Rubric, language: Language, mode: Mode, scope: Scope, context: Context
) -> None:
    calls = _calls(rubric, PromptForm(mode, scope, context), language=language)
    assert len({call.messages[0]["content"] for call in calls}) == 1
    assert len(calls) == (5 if scope == "criterion" else 1)
    for call in calls:
        asked = call.messages[1]["content"]
        assert asked.index("A.") < asked.index(call.items[0].text)
        assert asked.split(call.items[0].text)[0] == calls[0].messages[1]["content"].split(calls[0].items[0].text)[0]


@pytest.mark.parametrize(
    ("form", "tokens"),
    [
        (PromptForm(), 1),
        (PromptForm(scope="rubric"), 5 * 12 + 12),
        (PromptForm(mode="explained"), 240 + 12),
        (PromptForm(mode="explained", scope="rubric"), 5 * 240 + 12),
    ],
)
def test_replies_are_bounded_by_their_verdicts(rubric: Rubric, form: PromptForm, tokens: int) -> None:
    calls = _calls(rubric, form)
    assert {call.max_tokens for call in calls} == {tokens}
    assert sum(call.reply.verdicts for call in calls) == 5
    assert all(call.reply.one_token == form.is_one_token == (call.schema is None) for call in calls)


@pytest.mark.parametrize(("language", "labels"), [("en", ["Yes", "No"]), ("zh", ["是", "否"])])
def test_a_fast_schema_allows_one_label_a_number(rubric: Rubric, language: Language, labels: list[str]) -> None:
    (call,) = _calls(rubric, PromptForm(scope="rubric"), language=language)
    assert call.schema
    assert list(call.schema["properties"]) == call.schema["required"] == ["1", "2", "3", "4", "5"]
    assert {json.dumps(part["enum"]) for part in call.schema["properties"].values()} == {json.dumps(labels)}
    assert call.schema["additionalProperties"] is False


def test_an_explained_schema_asks_for_evidence_before_the_verdict(rubric: Rubric) -> None:
    schema: Any = _calls(rubric, PromptForm(mode="explained"))[0].schema
    assert list(schema["properties"]) == schema["required"] == ["sentences", "quote", "reason", "verdict"]
    assert schema["properties"]["quote"]["maxLength"] == 200
    whole: Any = _calls(rubric, PromptForm(mode="explained", scope="rubric"))[0].schema
    assert whole["properties"]["5"] == schema


@pytest.mark.parametrize("language", ["en", "zh"])
def test_asking_again_adds_a_note_and_nothing_else(rubric: Rubric, language: Language) -> None:
    template = load_template(language, "explained")
    call = _calls(rubric, PromptForm(mode="explained"), language=language)[0]
    again = ask_again_for_quote(template, call)
    system, user = again.messages
    assert user == {"role": "user", "content": f"{call.messages[1]['content']}\n{template['quote-again']}"}
    assert replace(again, messages=call.messages) == call
    assert system == call.messages[0]


def test_braces_in_an_answer_are_only_text(rubric: Rubric) -> None:
    shown = _calls(rubric, PromptForm(), "{question} {0} {nonce}")[0].messages[1]["content"]
    assert "{question} {0} {nonce}" in shown


# The trusted block


def test_a_brief_block_has_nothing_of_the_key(rubric: Rubric) -> None:
    trusted = build_trusted_block(load_template("en"), rubric, PromptForm())
    key = [
        *(point.text for point in rubric.expected_points),
        *(level.description for c in rubric.criteria for level in c.levels),
    ]
    assert rubric.question.text in trusted
    assert not [text for text in key if text in trusted]


def test_a_full_block_has_criteria_notes_points_reference(rubric: Rubric) -> None:
    noted = rubric.criteria[0].model_copy(update={"grader_notes": "Any width counts."})
    rubric = rubric.model_copy(update={"criteria": (noted, *rubric.criteria[1:])})
    trusted = build_trusted_block(load_template("en"), rubric, PromptForm(context="full"))
    for number, criterion in enumerate(rubric.criteria, start=1):
        assert f"{number}. {criterion.title}:" in trusted
    assert f"\n   Note for graders: Any width counts.\n2. {rubric.criteria[1].title}" in trusted
    assert "Points that a full answer makes:\n- " + rubric.expected_points[0].text in trusted
    assert trusted.endswith(rubric.references[0].text)


def test_a_full_block_lists_levels_of_ordinal_criteria_only(rubric: Rubric) -> None:
    trusted = build_trusted_block(load_template("en"), rubric, PromptForm(context="full"))
    binary, ordinal = rubric.criteria[:2]
    assert f"1. {binary.title}: {binary.levels[1].description}\n" in trusted
    assert "".join(f"\n   {n}: {level.description}" for n, level in enumerate(ordinal.levels)) in trusted
    assert trusted.count("\n   0: ") == 1


def test_a_full_block_shows_the_longest_reference(rubric: Rubric) -> None:
    short = rubric.references[0].model_copy(update={"text": "Fewer bits."})
    trusted = build_trusted_block(
        load_template("en"),
        rubric.model_copy(update={"references": (short, *rubric.references, short)}),
        PromptForm(context="full"),
    )
    assert "Fewer bits." not in trusted
    assert rubric.references[0].text in trusted


@pytest.mark.parametrize(("language", "yes", "no"), [("en", "Verdict: Yes", "Verdict: No"), ("zh", "是", "否")])
def test_examples_show_their_verdicts(rubric: Rubric, language: Language, yes: str, no: str) -> None:
    template = load_template(language)
    plain = build_trusted_block(template, rubric, PromptForm())
    trusted = build_trusted_block(template, _with_example(rubric), PromptForm(few_shot=True))
    added = trusted.removeprefix(plain)
    assert "Half the bits. ‹‹‹ x" in added
    # Level 1 of 1 is reached by four items, level 2 of the ordinal criterion is not.
    verdicts = [line for line in added.splitlines() if line.endswith((yes, no))]
    assert [line.endswith(yes) for line in verdicts] == [True, True, False, True, True]


# Numbers of sentences


@given(st.lists(st.text(alphabet=st.characters(exclude_characters="\n", exclude_categories=["Cs"])), max_size=6))
def test_numbers_are_removed_again(sentences: list[str]) -> None:
    assert without_numbers(number_sentences(sentences)) == " ".join(sentences)


def test_only_numbers_at_the_start_are_removed() -> None:
    assert number_sentences(["One.", "[2] two", "a [3] b"]) == "[1] One.\n[2] [2] two\n[3] a [3] b"
    assert without_numbers("[1] One.\n[2] [2] two\n[3] a [3] b") == "One. [2] two a [3] b"
