"""Judge versions: which judges were examined, how they stood, which one is active, and which was before it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy.orm import Session

from . import audit
from .audit import Kind
from .errors import JudgeNotPromoted
from .storage import clock
from .storage.repositories import JudgeVersionRepository
from .storage.tables import DEFAULT_ORGANISATION, JudgeVersion

# Scores that lie close together may change places for no reason; two questions that do so at once are a sign.
MOST_NEWLY_BROKEN = 1


@dataclass(frozen=True)
class JudgeKey:
    """What makes a judge another one: engine, model, revision, prompt files and the way it is asked."""

    engine: str
    model: str
    revision: str
    prompt_name: str
    prompt_hash: str
    form: Mapping[str, Any]

    def __str__(self) -> str:
        return f"{self.model} (revision {self.revision[:12]}, {self.engine}, {self.form['asked']})"


@dataclass(frozen=True)
class Figures:
    """How a judge stood one examination.

    `questions` says for each question and language ("retrieval/en") whether its answers came out in order;
    `language_gap` is the mean difference of Chinese and English as a share of full scale; of `rejections`
    excellent answers that name a mistake to reject it, `held_against` had it held against them.
    """

    questions: Mapping[str, bool]
    unscored: int = 0
    spearman: float | None = None
    language_gap: float | None = None
    held_against: int = 0
    rejections: int = 0

    @property
    def share_in_order(self) -> float:
        """Share (0 to 1) of questions and languages that came out in order."""
        return sum(self.questions.values()) / len(self.questions) if self.questions else 0.0


def figures_of(version: JudgeVersion) -> Figures:
    """The figures of a version."""
    return Figures(**version.figures)


def register(
    session: Session,
    key: JudgeKey,
    figures: Figures,
    *,
    engine_version: str,
    organisation_id: str = DEFAULT_ORGANISATION,
) -> JudgeVersion:
    """Keep how a judge stood an examination; each examination is a version of its own, and the newest counts."""
    version = JudgeVersion(
        organisation_id=organisation_id,
        engine=key.engine,
        engine_version=engine_version,
        model=key.model,
        revision=key.revision,
        prompt_name=key.prompt_name,
        prompt_hash=key.prompt_hash,
        form=dict(key.form),
        figures=asdict(figures),
        registered_at=clock.now(),
    )
    session.add(version)
    session.flush()
    _tell(session, version, Kind.JUDGE_REGISTERED)
    return version


def promote(
    session: Session,
    key: JudgeKey,
    *,
    at_least: float | None = None,
    organisation_id: str = DEFAULT_ORGANISATION,
) -> JudgeVersion:
    """Make the newest version of a judge the active one, if its figures hold; one that is active stays so.

    With `at_least`, its share in order must reach that. Otherwise it must be no worse than the active version on the
    questions that both were asked: as many in order, and at most one that was in order before and is not now. Raises
    JudgeNotPromoted.
    """
    repository = JudgeVersionRepository(session)
    version = next(
        (found for found in repository.newest_first(organisation_id) if _key(found) == key),
        None,
    )
    if version is None:
        raise JudgeNotPromoted(f"{key} is not registered: run 'viva bank qualify --register' with these settings.")
    active = repository.active(organisation_id)
    if active and active.id == version.id:
        return version
    if reason := _unfit(figures_of(version), figures_of(active) if active else None, at_least=at_least):
        raise JudgeNotPromoted(f"{key} is not promoted: {reason}.")
    moment = clock.now()
    if active:
        active.retired_at = moment
        session.flush()
    version.promoted_at, version.retired_at = moment, None
    session.flush()
    _tell(session, version, Kind.JUDGE_PROMOTED, instead_of=active.id if active else None)
    return version


def rollback(session: Session, *, organisation_id: str = DEFAULT_ORGANISATION) -> JudgeVersion:
    """Make the version active again that was so before the present one; raises JudgeNotPromoted when none was."""
    repository = JudgeVersionRepository(session)
    active = repository.active(organisation_id)
    before = repository.promoted_before(active) if active else None
    if active is None or before is None:
        raise JudgeNotPromoted("No judge version was active before: there is nothing to go back to.")
    # It counts as never promoted, so that the next step back does not lead to it.
    active.promoted_at, active.retired_at = None, clock.now()
    session.flush()
    before.retired_at = None
    session.flush()
    _tell(session, before, Kind.JUDGE_TAKEN_BACK, instead_of=active.id)
    return before


def _unfit(figures: Figures, active: Figures | None, *, at_least: float | None) -> str | None:
    """Why a judge with these figures may not become the active one."""
    if not figures.questions:
        return "it was asked no question"
    share = figures.share_in_order
    if at_least is not None:
        return f"{share:.1%} of its questions are in order, {at_least:.1%} must be" if share < at_least else None
    if active is None:
        return None
    both = [name for name in figures.questions if name in active.questions]
    if not both:
        return "it was asked none of the questions that the active version was: qualify it on the same ones"
    now, before = (sum(found.questions[name] for name in both) for found in (figures, active))
    if now < before:
        return f"{now} of {len(both)} questions are in order, with the active version {before} are"
    broken = [name for name in both if active.questions[name] and not figures.questions[name]]
    if len(broken) > MOST_NEWLY_BROKEN:
        return f"{len(broken)} questions are newly out of order ({_some(broken)}), {MOST_NEWLY_BROKEN} may be"
    return None


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (", …" if len(names) > 5 else "")


def _key(version: JudgeVersion) -> JudgeKey:
    return JudgeKey(
        engine=version.engine,
        model=version.model,
        revision=version.revision,
        prompt_name=version.prompt_name,
        prompt_hash=version.prompt_hash,
        form=version.form,
    )


def _tell(session: Session, version: JudgeVersion, kind: Kind, **more: Any) -> None:
    figures = figures_of(version)
    audit.append(
        session,
        kind=kind,
        subject=version.id,
        details={
            "model": version.model,
            "revision": version.revision,
            "engine": version.engine,
            "in_order": sum(figures.questions.values()),
            "questions": len(figures.questions),
            **more,
        },
        organisation_id=version.organisation_id,
    )
