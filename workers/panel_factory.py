"""Builds what the settings name: judge servers, judges, and the panel of graders."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from pydantic import SecretStr

from vivavoce.graders import Panel
from vivavoce.graders.judge.call_record import Prices, VerdictCache
from vivavoce.graders.judge.clients.client import Deadlines
from vivavoce.graders.judge.prompt import PromptForm, load_template
from vivavoce.graders.judge.rubric_judge import RubricJudge
from vivavoce.graders.judge.servers.embedded import ENGINE as EMBEDDED
from vivavoce.graders.judge.servers.embedded import EmbeddedEngine
from vivavoce.graders.judge.types import Judge
from vivavoce.graders.judge.voting import JudgePanel
from vivavoce.graders.models.embedder import build_embedder
from vivavoce.graders.models.model_files import DEFAULT_JUDGE, verified_model
from vivavoce.graders.panel import build_shipped_panel
from vivavoce.graders.scoring.coefficients import Coefficients, default_coefficients, read_coefficients
from vivavoce.graders.scoring.confidence import ReviewPolicy, ReviewShare
from vivavoce.graders.types import EngineIdentity
from vivavoce.service.judges.versions import JudgeKey
from vivavoce.service.settings import Settings, split_urls


@dataclass(frozen=True)
class _Member:
    """One judge of the settings: its servers, what they run, and their key."""

    urls: tuple[str, ...]
    identity: EngineIdentity
    api_key: SecretStr | None


@contextmanager
def open_judge(settings: Settings, cache: VerdictCache) -> Iterator[Judge]:
    """The judge of the settings; the embedded one runs while the context is open.

    Several judges, or several samples of one, are combined into a JudgePanel. Raises ModelMissing when the embedded
    judge has no model file yet.
    """
    with ExitStack() as stack:
        members = [_first_member(settings, stack)]
        members += [
            _Member(
                split_urls(member.url), EngineIdentity(member.engine, member.model, member.revision), member.api_key
            )
            for member in settings.judge_panel
        ]
        secret = settings.secret.get_secret_value().encode()
        # Sample 0 decodes greedily; drawn samples count from 1.
        samples = range(1, settings.judge_samples + 1) if settings.judge_samples > 1 else range(1)
        judges: list[Judge] = [
            stack.enter_context(_build_judge(settings, cache, member, sample=sample, secret=secret))
            for member in members
            for sample in samples
        ]
        if len(judges) == 1:
            yield judges[0]
        else:
            yield JudgePanel(judges, quorum=settings.judge_quorum or len(judges) // 2 + 1)


def _first_member(settings: Settings, stack: ExitStack) -> _Member:
    if settings.judge_url:
        return _Member(split_urls(settings.judge_url), _server_identity(settings), settings.judge_api_key)
    engine = stack.enter_context(embedded_engine(settings))
    return _Member((engine.url,), engine.identity, settings.judge_api_key)


def _server_identity(settings: Settings) -> EngineIdentity:
    return EngineIdentity(settings.judge_engine, settings.judge_model, settings.judge_revision)


def build_rubric_judge(
    settings: Settings, cache: VerdictCache, *, secret: bytes, form: PromptForm | None = None
) -> RubricJudge:
    """The judge at `judge_url`, not yet opened.

    `secret` keys the delimiters around answers in its prompts. `form` is how the judge is asked, by default as in
    production.
    """
    member = _Member(split_urls(settings.judge_url), _server_identity(settings), settings.judge_api_key)
    return _build_judge(settings, cache, member, sample=0, secret=secret, form=form)


def _build_judge(
    settings: Settings,
    cache: VerdictCache,
    member: _Member,
    *,
    sample: int,
    secret: bytes,
    form: PromptForm | None = None,
) -> RubricJudge:
    return RubricJudge(
        base_urls=member.urls,
        identity=member.identity,
        secret=secret,
        cache=cache,
        deadlines=Deadlines(settings.judge_timeout_seconds, settings.judge_deadline_seconds),
        form=form or build_prompt_form(settings),
        sample=sample,
        prices=Prices(settings.judge_price_prompt, settings.judge_price_cached, settings.judge_price_completion),
        api_key=member.api_key.get_secret_value() if member.api_key else None,
        # 0 leaves the number of parallel calls to the judge.
        concurrency=settings.judge_concurrency or None,
    )


def build_prompt_form(settings: Settings) -> PromptForm:
    """The form of the prompts in production: the mode that the settings name, the rest as `PromptForm` has it."""
    return PromptForm(mode=settings.judge_mode)


def build_judge_key(settings: Settings) -> JudgeKey:
    """The key of the judge version that the settings describe; no judge needs to run for it."""
    if settings.judge_url:
        first = _server_identity(settings)
    else:
        first = EngineIdentity(EMBEDDED, DEFAULT_JUDGE.name, DEFAULT_JUDGE.sha256)
    panel = [EngineIdentity(member.engine, member.model, member.revision) for member in settings.judge_panel]
    members = [first, *panel]
    # Each language has prompts of its own; the key covers both.
    hashes = [load_template(language, settings.judge_mode).hash for language in ("zh", "en")]
    return JudgeKey(
        engine="+".join(dict.fromkeys(member.engine for member in members)),
        model="+".join(member.model for member in members),
        revision="+".join(member.revision for member in members),
        prompt_name=settings.judge_mode,
        prompt_hash=hashlib.sha256("+".join(hashes).encode()).hexdigest(),
        form={
            "asked": str(build_prompt_form(settings)),
            "samples": settings.judge_samples,
            "quorum": settings.judge_quorum or settings.votes // 2 + 1,
        },
    )


@contextmanager
def embedded_engine(settings: Settings, *, port: int = 0) -> Iterator[EmbeddedEngine]:
    """The embedded judge's server, running while the context is open; port 0 takes a free one.

    Raises ModelMissing.
    """
    model = verified_model(DEFAULT_JUDGE, settings.models_dir)
    engine = EmbeddedEngine(
        model_file=model.path,
        model_name=DEFAULT_JUDGE.name,
        model_sha256=DEFAULT_JUDGE.sha256,
        log_file=settings.state_dir / "judge.log",
        threads=settings.judge_threads,
        port=port,
    )
    with engine:
        yield engine


@contextmanager
def ensure_judge_server(settings: Settings) -> Iterator[Settings]:
    """Settings with a `judge_url`: unchanged if they have one, else with the embedded judge started for the context."""
    if settings.judge_url:
        yield settings
        return
    with embedded_engine(settings) as engine:
        identity = engine.identity
        yield settings.model_copy(
            update={
                "judge_url": engine.url,
                "judge_engine": identity.engine,
                "judge_model": identity.model,
                "judge_revision": identity.revision,
            }
        )


def load_coefficients(settings: Settings) -> Coefficients:
    """The combiner coefficients of the settings, else those that ship; raises UnreadableGrades for a bad file."""
    return read_coefficients(settings.coefficients) if settings.coefficients else default_coefficients()


@contextmanager
def open_panel(settings: Settings, cache: VerdictCache) -> Iterator[Panel]:
    """The panel of the settings, ready to grade; its judge is closed with the context."""
    with open_judge(settings, cache) as judge:
        yield build_shipped_panel(
            embedder=build_embedder(settings.embedding_model),
            judge=judge,
            coefficients=load_coefficients(settings),
            review=build_review_policy(settings),
        )


def build_review_policy(settings: Settings) -> ReviewPolicy | ReviewShare:
    """Which scores go to a person: those below a confidence if `review_below` is set, else a share of all."""
    if settings.review_below is not None:
        return ReviewPolicy(settings.review_below, settings.pass_mark, settings.pass_margin)
    return ReviewShare(settings.review_share, pass_mark=settings.pass_mark, pass_margin=settings.pass_margin)
