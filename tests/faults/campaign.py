"""A campaign: answers come in steadily while one thing after another goes wrong; then everything is counted."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from vivavoce.graders import AnswerInput, build_panel, grade
from vivavoce.graders.judge.call_record import InMemoryVerdictCache
from vivavoce.graders.judge.clients.client import Deadlines
from vivavoce.graders.judge.rubric_judge import RubricJudge
from vivavoce.graders.judge.servers.stub import StubJudgeServer
from vivavoce.graders.testing import HashingEmbedder, WordVerifier
from vivavoce.graders.types import EngineIdentity
from vivavoce.service import audit
from vivavoce.service.gradings import lifecycle
from vivavoce.service.storage.tables import State

from .kinds import KINDS, LEASE_SECONDS
from .site import Kind, Site

UNSURE_COMMITS = "10 % of commits report failure"


@dataclass(frozen=True)
class Campaign:
    """What came of it. `paid` and `needed` count judge prompts that were answered, all and different ones."""

    database: Kind
    seed: int
    gradings: int
    faults: int
    kinds: int
    unsure_commits: int
    lost: int
    duplicates: int
    wrong_scores: int
    put_back_by_hand: int
    dead: int
    paid: int
    needed: int
    seconds: float
    trail_problem: str
    """What is wrong with the audit trail, or with a report by it; empty when nothing is."""

    @property
    def calls_ratio(self) -> float:
        """Judge calls per grading, as a multiple of what an undisturbed run needs."""
        return self.paid / self.needed

    @property
    def passed(self) -> bool:
        """Whether nothing was lost, nothing graded twice, and the judge paid for at most 1.02 times."""
        wrong = self.lost or self.duplicates or self.wrong_scores or self.trail_problem
        return not wrong and self.calls_ratio <= 1.02


def run_campaign(
    folder: Path, database: Kind, *, seed: int, gradings: int, faults: int, seconds_between: float = 2.0
) -> Campaign:
    """Submit answers while faults happen, wait for the end, and count."""
    chance = random.Random(seed)
    answers = [f"{chance.choice(['INT8', 'fewer bits', 'nothing much'])} said {number}" for number in range(gradings)]
    plan = [*KINDS] * (faults // len(KINDS)) + chance.sample([*KINDS], k=faults % len(KINDS))
    chance.shuffle(plan)
    started = time.monotonic()
    settings = {
        "VIVA_LEASE_SECONDS": str(LEASE_SECONDS),
        "VIVA_JUDGE_TIMEOUT_SECONDS": "2",
        "VIVA_JUDGE_DEADLINE_SECONDS": "4",
        "FAULT_COMMIT_RATE": "0.1",
    }
    with Site(folder, database, **settings) as site:
        site.start()
        ids: list[str] = []
        pause = faults * (seconds_between + 1.5) / gradings

        def submit_all() -> None:
            for number, answer in enumerate(answers):
                ids.append(site.submit(answer, key=f"answer-{number}"))
                time.sleep(chance.uniform(0, 2 * pause))

        submitting = threading.Thread(target=submit_all)
        submitting.start()
        for name in plan:
            KINDS[name](site, chance)
            time.sleep(chance.uniform(0.5, 1.5) * seconds_between)
        submitting.join()
        put_back = _finish(site)
        expected = _expected(site, answers)
        states = site.states()
        written = Counter(site.written())
        found = {one: _score(site, one) for one in ids}
        unsure = site.logs().count("the reply to the commit was lost")
        return Campaign(
            database=database,
            seed=seed,
            gradings=gradings,
            faults=len(plan),
            kinds=len({*plan}) + bool(unsure),
            unsure_commits=unsure,
            lost=gradings - sum(found[one] is not None for one in {*ids} if one in states),
            duplicates=(len(states) - gradings) + sum(written[one] - 1 - put_back[one] for one in {*ids}),
            wrong_scores=sum(found[one] != expected[answer] for one, answer in zip(ids, answers, strict=True)),
            put_back_by_hand=put_back.total(),
            dead=sum(state is State.DEAD for state, _ in states.values()),
            paid=site.verdicts_paid(),
            needed=site.verdicts_needed(),
            seconds=time.monotonic() - started,
            trail_problem=_trail_problem(site),
        )


def _finish(site: Site) -> Counter[str]:
    """Wait for the end; put back, as an operator would, what failed because the judge spoke nonsense.

    Returns how often each grading that had a report was put back.
    """
    put_back: Counter[str] = Counter()
    # The API may have been killed last of all and be on its way back.
    site.wait_for_api()
    for _ in range(3):
        site.wait_until_done(seconds=120)
        failed = [one for one, (state, _) in site.states().items() if state is State.FAILED]
        if not failed:
            return put_back
        for one in failed:
            assert site.http.post(f"/v1/gradings/{one}/requeue").status_code == 200
        put_back.update(failed)
    return put_back


def _score(site: Site, grading_id: str) -> float | None:
    with site.sessions() as session:
        grading = lifecycle.get(session, grading_id)
        return grading.report.score if grading.report else None


def _trail_problem(site: Site) -> str:
    with site.sessions() as session:
        found = audit.verify(session)
    return found.problem if isinstance(found, audit.Broken) else ""


def _expected(site: Site, answers: list[str]) -> dict[str, float | None]:
    """What the answers score when nothing goes wrong."""
    with (
        StubJudgeServer() as judge,
        RubricJudge(
            base_urls=[judge.url],
            identity=EngineIdentity("stub", "stub", "1"),
            secret=b"",
            cache=InMemoryVerdictCache(),
            deadlines=Deadlines(10, 20),
        ) as asked,
    ):
        panel = build_panel(embedder=HashingEmbedder(), verifier=WordVerifier(), judge=asked)
        reports = grade([AnswerInput(answer) for answer in answers], site.rubric, panel)
    return {answer: report.score for answer, report in zip(answers, reports, strict=True)}
