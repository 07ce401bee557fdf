"""What a worker stands on: a panel with its judge, and the loop that drains the queue in this process."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from pydantic import SecretStr

from vivavoce.graders import Panel
from vivavoce.graders.judge.call_record import Prices, VerdictCache
from vivavoce.graders.judge.client import Deadlines
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
from vivavoce.service.judge_versions import JudgeKey
from vivavoce.service.settings import Settings, split_urls

_log = logging.getLogger(__name__)


@contextmanager
def open_judge(settings: Settings, cache: VerdictCache) -> Iterator[Judge]:
    """The judge that the settings name; the embedded one runs for as long as the context is open.

    Several judges, or several samples, come as one that counts their votes. Raises ModelMissing when
    the embedded judge has no model yet.
    """
    with ExitStack() as stack:
        if settings.judge_url:
            urls = split_urls(settings.judge_url)
            identity = EngineIdentity(settings.judge_engine, settings.judge_model, settings.judge_revision)
        else:
            engine = stack.enter_context(embedded_engine(settings))
            urls, identity = (engine.url,), engine.identity
        members = [(urls, identity, settings.judge_api_key)]
        members += [
            (split_urls(member.url), EngineIdentity(member.engine, member.model, member.revision), member.api_key)
            for member in settings.judge_panel
        ]
        secret = settings.secret.get_secret_value().encode()
        judges: list[Judge] = [
            stack.enter_context(_rubric_judge(settings, cache, at, who, key, sample=sample, secret=secret))
            for at, who, key in members
            for sample in (range(1, settings.judge_samples + 1) if settings.judge_samples > 1 else [0])
        ]
        if len(judges) == 1:
            yield judges[0]
        else:
            yield JudgePanel(judges, quorum=settings.judge_quorum or len(judges) // 2 + 1)


def rubric_judge(
    settings: Settings, cache: VerdictCache, *, secret: bytes, form: PromptForm | None = None
) -> RubricJudge:
    """Builds the judge at `judge_url`, not yet opened.

    `secret` keys the delimiters around answers. `form` is how the judge is asked, by default as in production.
    """
    identity = EngineIdentity(settings.judge_engine, settings.judge_model, settings.judge_revision)
    urls = split_urls(settings.judge_url)
    return _rubric_judge(settings, cache, urls, identity, settings.judge_api_key, sample=0, secret=secret, form=form)


def _rubric_judge(
    settings: Settings,
    cache: VerdictCache,
    urls: tuple[str, ...],
    identity: EngineIdentity,
    api_key: SecretStr | None,
    *,
    sample: int,
    secret: bytes,
    form: PromptForm | None = None,
) -> RubricJudge:
    return RubricJudge(
        base_urls=urls,
        identity=identity,
        secret=secret,
        cache=cache,
        deadlines=Deadlines(settings.judge_timeout_seconds, settings.judge_deadline_seconds),
        form=form or prompt_form(settings),
        sample=sample,
        prices=Prices(settings.judge_price_prompt, settings.judge_price_cached, settings.judge_price_completion),
        api_key=api_key.get_secret_value() if api_key else None,
        concurrency=settings.judge_concurrency or None,
    )


def prompt_form(settings: Settings) -> PromptForm:
    """The form of the prompts in production: the mode that the settings name, the rest as `PromptForm` has it."""
    return PromptForm(mode=settings.judge_mode)


def judge_key(settings: Settings) -> JudgeKey:
    """What tells the judge that the settings name from others; it need not run."""
    if settings.judge_url:
        first = EngineIdentity(settings.judge_engine, settings.judge_model, settings.judge_revision)
    else:
        first = EngineIdentity(EMBEDDED, DEFAULT_JUDGE.name, DEFAULT_JUDGE.sha256)
    panel = [EngineIdentity(member.engine, member.model, member.revision) for member in settings.judge_panel]
    members = [first, *panel]
    # Both languages are read with prompts of their own.
    hashes = [load_template(language, settings.judge_mode).hash for language in ("zh", "en")]
    return JudgeKey(
        engine="+".join(dict.fromkeys(member.engine for member in members)),
        model="+".join(member.model for member in members),
        revision="+".join(member.revision for member in members),
        prompt_name=settings.judge_mode,
        prompt_hash=hashlib.sha256("+".join(hashes).encode()).hexdigest(),
        form={
            "asked": str(prompt_form(settings)),
            "samples": settings.judge_samples,
            "quorum": settings.judge_quorum or settings.votes // 2 + 1,
        },
    )


@contextmanager
def embedded_engine(settings: Settings, *, port: int = 0) -> Iterator[EmbeddedEngine]:
    """The embedded judge's server, running."""
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
def served(settings: Settings) -> Iterator[Settings]:
    """Settings that name a running judge server: as they are, or with the embedded one while the context is open."""
    if settings.judge_url:
        yield settings
        return
    with embedded_engine(settings) as engine:
        where = {"judge_url": engine.url, "judge_engine": engine.identity.engine}
        what = {"judge_model": engine.identity.model, "judge_revision": engine.identity.revision}
        yield settings.model_copy(update=where | what)


def coefficients(settings: Settings) -> Coefficients:
    """The coefficients that the settings name; raises UnreadableGrades."""
    return read_coefficients(settings.coefficients) if settings.coefficients else default_coefficients()


@contextmanager
def open_panel(settings: Settings, cache: VerdictCache) -> Iterator[Panel]:
    """The panel that the settings name, ready to grade."""
    with open_judge(settings, cache) as judge:
        yield build_shipped_panel(
            embedder=build_embedder(settings.embedding_model),
            judge=judge,
            coefficients=coefficients(settings),
            review=review_policy(settings),
        )


def review_policy(settings: Settings) -> ReviewPolicy | ReviewShare:
    """Which scores the settings send to a person for doubt."""
    if settings.review_below is not None:
        return ReviewPolicy(settings.review_below, settings.pass_mark, settings.pass_margin)
    return ReviewShare(settings.review_share, pass_mark=settings.pass_mark, pass_margin=settings.pass_margin)
