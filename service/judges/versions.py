"""Judge versions: the qualification figures of each judge, which judge is active, and which was active before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy.orm import Session

from .. import audit
from ..audit import Kind
from ..errors import JudgeNotPromoted, WrongState
from ..storage import clock
from ..storage.repositories import JudgeVersionRepository
from ..storage.tables import DEFAULT_ORGANISATION, JudgeVersion

# Close scores may swap by chance in one question, hardly two.
MAX_NEWLY_BROKEN = 1
_MAX_NAMES_SHOWN = 5


@dataclass(frozen=True)
class JudgeKey:
    """What identifies a judge: engine, model, revision, prompt files, and the form of its prompts."""

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
    """The figures of one qualification run.

    `questions` says for each question and language ("retrieval/en") whether the scores put its answers in the right
    order. `unscored` counts answers without a score. `spearman` is the rank correlation with the writers' grades (-1
    to 1). `language_gap` is the mean absolute difference between the Chinese and the English version of an answer, as
    a share (0 to 1) of full scale. Of `rejections`, excellent answers that mention a mistake in order to reject it,
    `held_against` were penalised for it.
    """

    questions: Mapping[str, bool]
    unscored: int = 0
    spearman: float | None = None
    language_gap: float | None = None
    held_against: int = 0
    rejections: int = 0

    @property
    def share_in_order(self) -> float:
        """Share (0 to 1) of questions and languages whose answers are in the right order; 0 without questions."""
        return sum(self.questions.values()) / len(self.questions) if self.questions else 0.0


def figures_of(version: JudgeVersion) -> Figures:
    """Returns the figures stored with a version."""
    return Figures(**version.figures)


def register(
    session: Session,
    key: JudgeKey,
    figures: Figures,
    *,
    engine_version: str,
    organisation_id: str = DEFAULT_ORGANISATION,
) -> JudgeVersion:
    """Stores the figures of a qualification run as a new version. Of several versions of a judge the newest counts."""
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
    _audit_version(session, version, Kind.JUDGE_REGISTERED)
    return version


def promote(
    session: Session,
    key: JudgeKey,
    *,
    at_least: float | None = None,
    organisation_id: str = DEFAULT_ORGANISATION,
) -> JudgeVersion:
    """Makes the newest version of a judge the active one if its figures suffice. The active one stays as it is.

    With `at_least` (0 to 1), its share in order must reach that. Otherwise it must be no worse than the active version
    on the questions that both were asked: as many in order, and at most one newly out of order. Raises JudgeNotPromoted
    if the judge is not registered or its figures do not suffice.
    """
    version = _find_newest(session, key, organisation_id)
    if version is None:
        raise JudgeNotPromoted(f"{key} is not registered: run 'viva bank qualify --register' with these settings.")
    return promote_version(session, version, at_least=at_least)


def promote_version(
    session: Session, version: JudgeVersion, *, at_least: float | None = None, actor: str | None = None
) -> JudgeVersion:
    """Makes a version the active one as `promote` does. Raises JudgeNotPromoted, also if its judge has a newer one."""
    key = _key_of(version)
    newest = _find_newest(session, key, version.organisation_id)
    if newest is not None and newest.id != version.id:
        raise JudgeNotPromoted(f"{key} was qualified again since: promote its newest version, {newest.id}.")
    active = JudgeVersionRepository(session).find_active(version.organisation_id)
    if active and active.id == version.id:
        return version
    reason = _find_reason_against(figures_of(version), figures_of(active) if active else None, at_least=at_least)
    if reason:
        raise JudgeNotPromoted(f"{key} is not promoted: {reason}.")
    moment = clock.now()
    if active:
        # Flushed first, for only one version may be active at a time.
        active.retired_at = moment
        session.flush()
    version.promoted_at, version.retired_at = moment, None
    session.flush()
    _audit_version(session, version, Kind.JUDGE_PROMOTED, actor=actor, instead_of=active.id if active else None)
    return version


def retire(session: Session, version: JudgeVersion, *, actor: str | None = None) -> None:
    """Retires the active version without another in its place. Retiring it twice changes nothing.

    Raises WrongState for a version that was never active.
    """
    if version.is_active:
        version.retired_at = clock.now()
        session.flush()
        _audit_version(session, version, Kind.JUDGE_RETIRED, actor=actor)
    elif version.retired_at is None:
        raise WrongState(f"Judge version '{version.id}' is not active: only the active one can be retired.")


def rollback(
    session: Session, *, organisation_id: str = DEFAULT_ORGANISATION, actor: str | None = None
) -> JudgeVersion:
    """Makes the previously active version active again. Raises JudgeNotPromoted if there is none."""
    repository = JudgeVersionRepository(session)
    active = repository.find_active(organisation_id)
    previous = repository.promoted_before(active) if active else None
    if active is None or previous is None:
        raise JudgeNotPromoted("No judge version was active before: there is nothing to go back to.")
    # Never promoted, so that a further rollback skips it.
    active.promoted_at, active.retired_at = None, clock.now()
    session.flush()
    previous.retired_at = None
    session.flush()
    _audit_version(session, previous, Kind.JUDGE_TAKEN_BACK, actor=actor, instead_of=active.id)
    return previous


def _find_reason_against(figures: Figures, active: Figures | None, *, at_least: float | None) -> str | None:
    """Returns why a judge with these figures may not become active, or None."""
    if not figures.questions:
        return "it was asked no question"
    share = figures.share_in_order
    if at_least is not None:
        return f"{share:.1%} of its questions are in order, {at_least:.1%} must be" if share < at_least else None
    # The first judge has nothing to be compared with.
    if active is None:
        return None
    both = [name for name in figures.questions if name in active.questions]
    if not both:
        return "it was asked none of the questions that the active version was: qualify it on the same ones"
    new_count, active_count = (sum(run.questions[name] for name in both) for run in (figures, active))
    if new_count < active_count:
        return f"{new_count} of {len(both)} questions are in order, with the active version {active_count} are"
    broken = [name for name in both if active.questions[name] and not figures.questions[name]]
    if len(broken) > MAX_NEWLY_BROKEN:
        return f"{len(broken)} questions are newly out of order ({_join_names(broken)}), {MAX_NEWLY_BROKEN} may be"
    return None


def _join_names(names: Sequence[str]) -> str:
    return ", ".join(names[:_MAX_NAMES_SHOWN]) + (", …" if len(names) > _MAX_NAMES_SHOWN else "")


def _find_newest(session: Session, key: JudgeKey, organisation_id: str) -> JudgeVersion | None:
    versions = JudgeVersionRepository(session).newest_first(organisation_id)
    return next((version for version in versions if _key_of(version) == key), None)


def _key_of(version: JudgeVersion) -> JudgeKey:
    return JudgeKey(
        engine=version.engine,
        model=version.model,
        revision=version.revision,
        prompt_name=version.prompt_name,
        prompt_hash=version.prompt_hash,
        form=version.form,
    )


def _audit_version(
    session: Session, version: JudgeVersion, kind: Kind, *, actor: str | None = None, **more: Any
) -> None:
    figures = figures_of(version)
    audit.append_event(
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
        actor=actor,
        organisation_id=version.organisation_id,
    )
