from __future__ import annotations

import pytest

from vivavoce.graders.judge.prompt import PromptForm
from vivavoce.graders.judge.prompt_set import PromptSet
from vivavoce.graders.types import EngineIdentity
from vivavoce.rubrics import Rubric

IDENTITY = EngineIdentity("vllm", "model", "1")


def test_the_prompts_follow_the_questions_language(rubric: Rubric) -> None:
    chinese = rubric.model_copy(update={"question": rubric.question.model_copy(update={"language": "zh"})})
    names = [PromptSet.from_rubric(r, PromptForm("explained"), b"").template.name for r in (rubric, chinese)]
    assert names == ["explained.en", "explained.zh"]


def test_the_secret_changes_delimiters_only(rubric: Rubric) -> None:
    prompts = []
    for secret in (b"one", b"two"):
        prompt_set = PromptSet.from_rubric(rubric, PromptForm(), secret)
        answer = prompt_set.delimit_answer("[1] INT8")
        call = prompt_set.plan_calls(answer)[0]
        assert call.messages[1]["content"].count(answer.nonce) == 2
        prompts.append(call.messages[1]["content"].replace(answer.nonce, "nonce"))
    assert prompts[0] == prompts[1]


def test_delimiters_depend_on_the_trusted_block(rubric: Rubric) -> None:
    brief, full = (PromptSet.from_rubric(rubric, PromptForm(context=context), b"") for context in ("brief", "full"))  # type: ignore[arg-type]
    assert brief.delimit_answer("a").nonce != full.delimit_answer("a").nonce


def test_a_prefix_key_is_short_and_independent_of_secrets(rubric: Rubric) -> None:
    keys = {PromptSet.from_rubric(rubric, PromptForm(), secret).prefix_key(IDENTITY) for secret in (b"one", b"two")}
    assert keys == {"065a158cab8a4c6b"}


@pytest.mark.parametrize(
    "change",
    [
        lambda rubric: rubric.model_copy(update={"question": rubric.question.model_copy(update={"text": "Why?"})}),
        lambda rubric: rubric.model_copy(update={"question": rubric.question.model_copy(update={"language": "zh"})}),
    ],
    ids=["text", "language"],
)
def test_another_question_is_another_prefix(rubric: Rubric, change: object) -> None:
    changed = change(rubric)  # type: ignore[operator]
    keys = {PromptSet.from_rubric(r, PromptForm(), b"").prefix_key(IDENTITY) for r in (rubric, changed)}
    assert len(keys) == 2
