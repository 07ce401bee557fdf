from __future__ import annotations

import pytest

from vivavoce.graders.judge.call_record import InMemoryVerdictCache
from vivavoce.graders.judge.prompt import PromptForm
from vivavoce.service.settings import Settings
from vivavoce.workers.panel_factory import build_judge_key, build_prompt_form, build_rubric_judge


@pytest.fixture
def settings() -> Settings:
    return Settings(judge_url="http://127.0.0.1:9", judge_model="m", judge_revision="1")


def _form_of(settings: Settings, form: PromptForm | None = None) -> str:
    return build_rubric_judge(settings, InMemoryVerdictCache(), secret=b"", form=form).form


def test_production_asks_in_the_default_form(settings: Settings) -> None:
    assert build_prompt_form(settings) == PromptForm()
    assert _form_of(settings) == "fast/criterion/brief/zero-shot"
    # The key of a registered judge: another text would orphan the versions on record.
    assert build_judge_key(settings).form["asked"] == "fast/criterion/brief/zero-shot"


def test_only_the_mode_can_be_set(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    explained = settings.model_copy(update={"judge_mode": "explained"})
    assert _form_of(explained) == "explained/criterion/brief/zero-shot"
    for name in ("VIVA_JUDGE_SCOPE", "VIVA_JUDGE_CONTEXT", "VIVA_JUDGE_FEW_SHOT"):
        monkeypatch.setenv(name, "full")
    assert build_prompt_form(Settings()) == PromptForm()


def test_a_benchmark_chooses_another_form(settings: Settings) -> None:
    form = PromptForm(scope="rubric", context="full", few_shot=True)
    assert _form_of(settings, form) == "fast/rubric/full/few-shot"
