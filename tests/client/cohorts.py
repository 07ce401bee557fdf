"""Cohorts of a real service, for tests of the client."""

from __future__ import annotations

from vivavoce.client import Client
from vivavoce.client.models.cohorts import Cohort


def make_answers(count: int, *, of: str = "x") -> list[dict[str, str]]:
    """Answers, which the stub judge takes for good ones if they name INT8."""
    return [
        {
            "external_id": f"{of}-{number:04d}",
            "question_id": "quantization",
            "answer": f"INT8 takes fewer bits than FP16, said {number}." if number % 2 else f"No idea {number}, FP16.",
            "candidate": f"候选人\u2028{number}",
        }
        for number in range(count)
    ]


def grade_cohort(client: Client, count: int) -> Cohort:
    """A cohort whose answers are all graded."""
    cohort = start_cohort(client, count)
    return client.cohorts.wait(cohort.id, timeout_seconds=120, every_seconds=0.2)


def start_cohort(client: Client, count: int) -> Cohort:
    """A cohort that runs."""
    cohort = client.cohorts.create("test")
    client.cohorts.append(cohort.id, make_answers(count))
    client.cohorts.finalise(cohort.id)
    return client.cohorts.start(cohort.id)
