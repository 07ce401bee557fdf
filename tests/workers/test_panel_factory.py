from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from vivavoce.graders.errors import ModelMissing, UnreadableGrades
from vivavoce.graders.judge.call_record import InMemoryVerdictCache
from vivavoce.graders.judge.rubric_judge import RubricJudge
from vivavoce.graders.judge.servers.stub import StubJudgeServer
from vivavoce.graders.judge.voting import JudgePanel
from vivavoce.graders.models.model_files import DEFAULT_JUDGE
from vivavoce.graders.scoring.coefficients import default_coefficients, write_coefficients
from vivavoce.graders.scoring.confidence import ReviewPolicy, ReviewShare
from vivavoce.graders.types import EngineIdentity
from vivavoce.rubrics import Rubric
from vivavoce.service.settings import PanelMember, Settings
from vivavoce.workers import panel_factory
from vivavoce.workers.panel_factory import (
    build_judge_key,
    build_prompt_form,
    build_review_policy,
    build_rubric_judge,
    ensure_judge_server,
    load_coefficients,
    open_judge,
)

URL = "http://127.0.0.1:9"
OTHER = PanelMember(url="http://127.0.0.1:8/v1, http://127.0.0.1:7", engine="llamacpp", model="small", revision="2")


def _settings(**values: Any) -> Settings:
    return Settings(**{"judge_url": URL, "judge_model": "large", "judge_revision": "1", **values})


# Judges


def test_one_judge_is_asked_directly() -> None:
    with open_judge(_settings(judge_engine="vllm"), InMemoryVerdictCache()) as judge:
        assert isinstance(judge, RubricJudge)
        assert judge.identity == EngineIdentity("vllm", "large", "1")
        assert judge.urls == (URL,)
        assert judge.quorum == 1


def test_several_judges_vote_by_majority() -> None:
    with open_judge(_settings(judge_panel=[OTHER, OTHER]), InMemoryVerdictCache()) as judge:
        assert isinstance(judge, JudgePanel)
        assert judge.identity == EngineIdentity("vllm+llamacpp", "large+small+small", "1+2+2")
        assert judge.urls == (URL, "http://127.0.0.1:8", "http://127.0.0.1:7")
        assert judge.quorum == 2


@pytest.mark.parametrize(("samples", "panel", "quorum", "majority"), [(3, 0, 0, 2), (2, 1, 0, 3), (3, 0, 3, 3)])
def test_samples_of_every_judge_vote(samples: int, panel: int, quorum: int, majority: int) -> None:
    settings = _settings(
        judge_samples=samples, judge_mode="explained", judge_panel=[OTHER] * panel, judge_quorum=quorum
    )
    with open_judge(settings, InMemoryVerdictCache()) as judge:
        assert judge.quorum == majority
        assert judge.form.endswith("/sampled")
        assert judge.identity.model.split("+") == ["large"] * samples + ["small"] * samples * panel


def test_one_sample_is_decoded_greedily() -> None:
    with open_judge(_settings(judge_mode="explained"), InMemoryVerdictCache()) as judge:
        assert not judge.form.endswith("/sampled")


def test_without_server_or_model_no_judge_opens(tmp_path: Path) -> None:
    settings = Settings(models_dir=tmp_path / "models")
    with pytest.raises(ModelMissing, match="viva models fetch"), open_judge(settings, InMemoryVerdictCache()):
        pass


def test_a_judge_of_the_settings_reaches_its_server(stub_judge: StubJudgeServer, rubric: Rubric) -> None:
    cache = InMemoryVerdictCache()
    with build_rubric_judge(_settings(judge_url=stub_judge.url, judge_model="stub"), cache, secret=b"") as judge:
        (verdicts,) = judge.judge(["INT8 instead of FP16"], rubric)
    assert not verdicts.failures
    assert stub_judge.prompts


def test_the_form_of_the_settings_is_asked_in() -> None:
    settings = _settings(judge_mode="explained")
    form = build_prompt_form(settings)
    assert (form.mode, form.scope, form.context, form.few_shot) == ("explained", "criterion", "brief", False)
    assert build_rubric_judge(settings, InMemoryVerdictCache(), secret=b"").prompt_form == form


# The server of the embedded judge


@pytest.fixture
def engines(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What embedded engines did, without a model."""
    events: list[str] = []

    @contextmanager
    def run(settings: Settings, *, port: int = 0) -> Iterator[Any]:
        events.append("start")
        yield SimpleNamespace(url="http://127.0.0.1:81", identity=EngineIdentity("llamacpp", "qwen", "abc"))
        events.append("stop")

    monkeypatch.setattr(panel_factory, "embedded_engine", run)
    return events


def test_settings_with_a_server_stay_as_they_are(engines: list[str]) -> None:
    settings = _settings()
    with ensure_judge_server(settings) as running:
        assert running is settings
    assert engines == []


def test_settings_without_a_server_get_the_embedded_one(engines: list[str]) -> None:
    with ensure_judge_server(Settings(batch_size=7)) as running:
        assert running.judge_url == "http://127.0.0.1:81"
        assert (running.judge_engine, running.judge_model, running.judge_revision) == ("llamacpp", "qwen", "abc")
        assert running.batch_size == 7
        assert engines == ["start"]
    assert engines == ["start", "stop"]


def test_the_embedded_engine_ends_with_its_judge(engines: list[str]) -> None:
    with open_judge(Settings(judge_panel=[OTHER]), InMemoryVerdictCache()) as judge:
        assert judge.identity.model == "qwen+small"
        assert judge.urls[0] == "http://127.0.0.1:81"
    assert engines == ["start", "stop"]


# The key of a judge version


def test_the_key_is_that_of_the_judge_that_opens() -> None:
    settings = _settings(judge_panel=[OTHER, OTHER])
    key = build_judge_key(settings)
    with open_judge(settings, InMemoryVerdictCache()) as judge:
        assert EngineIdentity(key.engine, key.model, key.revision) == judge.identity
        assert (key.form["quorum"], key.form["asked"]) == (judge.quorum, judge.form)


def test_the_embedded_judge_has_a_key_without_its_file(tmp_path: Path) -> None:
    key = build_judge_key(Settings(models_dir=tmp_path / "models"))
    assert (key.model, key.revision) == (DEFAULT_JUDGE.name, DEFAULT_JUDGE.sha256)


@pytest.mark.parametrize(
    "changes",
    [
        {"judge_engine": "llamacpp"},
        {"judge_model": "other"},
        {"judge_revision": "2"},
        {"judge_mode": "explained"},
        {"judge_panel": [OTHER]},
        {"judge_panel": [OTHER, OTHER], "judge_quorum": 3},
    ],
    ids=lambda changes: ", ".join(changes),
)
def test_whatever_changes_verdicts_changes_the_key(changes: dict[str, Any]) -> None:
    assert build_judge_key(_settings(**changes)) != build_judge_key(_settings())
    assert build_judge_key(_settings(**changes)) == build_judge_key(_settings(**changes))


@pytest.mark.parametrize("changes", [{"judge_url": "http://127.0.0.1:8"}, {"judge_concurrency": 3}, {"port": 1}])
def test_where_a_judge_runs_does_not_change_the_key(changes: dict[str, Any]) -> None:
    assert build_judge_key(_settings(**changes)) == build_judge_key(_settings())


# Review and coefficients


def test_a_share_of_scores_goes_to_a_person_by_default() -> None:
    policy = build_review_policy(Settings(review_share=0.3, pass_mark=6, pass_margin=0.25))
    assert isinstance(policy, ReviewShare)
    now = policy.now()
    assert (now.share, now.pass_mark, now.pass_margin) == (0.3, 6, 0.25)


@pytest.mark.parametrize("bound", [0.0, 0.4])
def test_a_bound_takes_the_place_of_the_share(bound: float) -> None:
    assert build_review_policy(Settings(review_below=bound, pass_mark=6)) == ReviewPolicy(bound, 6, 0.5)


def test_coefficients_come_from_the_file_or_the_package(tmp_path: Path) -> None:
    assert load_coefficients(Settings()) == default_coefficients()
    file = tmp_path / "own.yaml"
    write_coefficients(file, default_coefficients(), origin="a test")
    assert load_coefficients(Settings(coefficients=file)).merit == default_coefficients().merit
    file.write_text("merit: {}\n", encoding="utf-8")
    with pytest.raises(UnreadableGrades, match=r"own\.yaml"):
        load_coefficients(Settings(coefficients=file))
