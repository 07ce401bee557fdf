"""Answers go in as a file and come out as files of each format, on a real installation, and all is measured."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vivavoce.rubrics import Rubric, default_bank
from vivavoce.workers.exports.page import MOST_ANSWERS, MOST_IN_PDF

from ..faults.site import Site
from .answers import choose_rubrics, name_candidate, name_id, write_answers
from .grades import grade_all
from .processes import watch
from .reading_back import READABLE, read_ids

MOST_SECONDS, MOST_MIB = 20.0, 400.0
"""What a step may take for up to 10,000 answers; more answers may take longer, not more memory."""
MOST_MIB_OF_LARGE = 150.0
"""What an export of more than 10,000 answers may take beside what the idle process has, in MiB."""
MOST_MIB_OF_PDF = 300.0
"""What the process that writes a PDF may take."""
_LARGE = 10_000
_BOUNDED = {"html": MOST_ANSWERS, "pdf": MOST_IN_PDF}
_log = logging.getLogger(__name__)


@dataclass
class Step:
    """One step: seconds, processor seconds and the most memory in MiB of API and worker, idle and in the step."""

    name: str
    answers: int
    seconds: float = 0.0
    api_processor: float = 0.0
    worker_processor: float = 0.0
    api_mib: float = 0.0
    worker_mib: float = 0.0
    worker_more_mib: float = 0.0
    file_mib: float = 0.0
    problems: list[str] = field(default_factory=list)


def measure(folder: Path, *, rows: int, upload_formats: Sequence[str], formats: Sequence[str]) -> Iterator[Step]:
    """Upload, apply and export so many answers; each step as soon as it is done."""
    settings = {"VIVA_UPLOAD_MAX_ROWS": str(max(rows, _LARGE)), "VIVA_UPLOAD_MAX_MIB": "200"}
    rubrics = choose_rubrics(default_bank())
    with Site(folder, "postgresql", workers=1, **settings) as site:
        site.http.timeout = 600
        site.start()
        for file_format in upload_formats:
            cohort = _post(site, "/v1/cohorts", json={"name": "measured"})["id"]
            yield from _take_in(site, cohort, file_format, rubrics, rows)
        _log.info("grading %d answers", rows)
        grade_all(site, cohort, rubrics)
        for file_format in formats:
            yield _export(site, cohort, file_format, rubrics, rows)


def _take_in(site: Site, cohort: str, file_format: str, rubrics: list[Rubric], rows: int) -> Iterator[Step]:
    data = write_answers(file_format, rubrics, rows)
    with _step(site, f"upload and check {file_format}", rows) as step:
        step.file_mib = len(data) / 2**20
        file = _post(
            site,
            f"/v1/cohorts/{cohort}/files",
            params={"name": f"answers.{file_format}"},
            content=data,
            headers={"Content-Type": "application/octet-stream"},
        )
        if file["counts"]["answers"] != rows:
            step.problems.append(f"{file['counts']['answers']} of {rows} answers were read: {file['problems'][:2]}")
    yield step
    for name, expected in (("apply", "created"), ("apply again", "unchanged")):
        with _step(site, f"{name} {file_format}", rows) as step:
            done = _post(site, f"/v1/cohorts/{cohort}/files/{file['id']}/apply")["applied"]
            if done[expected] != rows:
                step.problems.append(f"{done[expected]} of {rows} answers are {expected}")
        yield step


def _export(site: Site, cohort: str, file_format: str, rubrics: list[Rubric], rows: int) -> Step:
    options: dict[str, Any] = {"cohort_id": cohort, "format": file_format}
    answers = rows
    if file_format in _BOUNDED:
        options["include_answers"] = True
        answers = min(rows, _BOUNDED[file_format])
        options["filters"] = _choose_some(rubrics, rows, answers)
    _log.info("exporting %s", file_format)
    with _step(site, f"export {file_format}", answers) as step:
        address = f"/v1/exports/{_post(site, '/v1/exports', json=options)['id']}"
        export = _wait(lambda: dict(site.http.get(address).json()))
        if export["state"] != "finished":
            step.problems.append(f"{export['state']}: {export['error']}")
    if export["state"] == "finished":
        with _step(site, f"download {file_format}", answers) as download:
            data = site.http.get(f"{address}/file").content
        step.seconds += download.seconds
        step.api_processor += download.api_processor
        step.api_mib = max(step.api_mib, download.api_mib)
        step.file_mib = len(data) / 2**20
        step.answers = export["manifest"]["answers"]
        step.problems += _check_ids(file_format, data, rows)
    return step


def _choose_some(rubrics: list[Rubric], rows: int, answers: int) -> dict[str, list[str]]:
    """The filters that leave so many answers: by candidates, of whom they name at most 100, or by questions."""
    candidates = sorted({name_candidate(number) for number in range(answers)})
    if len(candidates) <= 100:
        return {"candidates": candidates}
    return {"question_ids": [rubric.question.id for rubric in rubrics[: answers * len(rubrics) // rows]]}


def _check_ids(file_format: str, data: bytes, rows: int) -> Iterator[str]:
    if file_format not in READABLE:
        return
    expected = [(name_id(number), name_candidate(number)) for number in range(rows)]
    for library, ids in read_ids(file_format, data):
        if ids != expected:
            wrong = next((pair for pair in zip(expected, ids, strict=False) if pair[0] != pair[1]), None)
            yield f"{library} reads {len(ids)} of {rows} ids; the first wrong one: {wrong}"


@contextmanager
def _step(site: Site, name: str, answers: int) -> Iterator[Step]:
    step = Step(name, answers)
    with watch(site.api.pid) as api, watch(site.workers[0].pid) as worker:
        began = time.monotonic()
        yield step
        step.seconds = time.monotonic() - began
    step.api_processor, step.worker_processor = api.processor_seconds, worker.processor_seconds
    step.api_mib, step.worker_mib = api.peak_mib, worker.peak_mib
    step.worker_more_mib = worker.peak_mib - worker.idle_mib
    step.problems += _check_limits(step)


def _check_limits(step: Step) -> Iterator[str]:
    if step.answers <= _LARGE:
        if step.seconds > MOST_SECONDS:
            yield f"took {step.seconds:.0f} s, more than {MOST_SECONDS:.0f}"
    elif step.name.startswith("export") and step.worker_more_mib > MOST_MIB_OF_LARGE:
        yield f"took {step.worker_more_mib:.0f} MiB, more than {MOST_MIB_OF_LARGE:.0f}"
    if step.name == "export pdf" and step.worker_more_mib > MOST_MIB_OF_PDF:
        yield f"the PDF took {step.worker_more_mib:.0f} MiB, more than {MOST_MIB_OF_PDF:.0f}"
    for who, used in (("API", step.api_mib), ("worker", step.worker_mib)):
        if used > MOST_MIB and step.name != "export pdf":
            yield f"the {who} had {used:.0f} MiB, more than {MOST_MIB:.0f}"


def _post(site: Site, address: str, **more: Any) -> dict[str, Any]:
    reply = site.http.post(address, **more)
    assert reply.is_success, reply.text
    return dict(reply.json())


def _wait(read: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    while (found := read())["state"] in ("queued", "running"):
        time.sleep(0.1)
    return found
