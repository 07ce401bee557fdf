"""One of each resource, made over HTTP before a run, so that lists and links lead to something."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import httpx

from vivavoce.service.api.documents.examples import EXAMPLE_RUBRIC
from vivavoce.service.judges.versions import Figures, JudgeKey, register

from .service import FuzzedService

_QUESTION = "quantization"
# To these the scripted judge gives a verdict at once.
_ANSWERS = ("Weights are kept in INT8.", "Weights are kept in INT8 or INT4, so less is read.")
_FILE = "candidate,question_id,answer\n001,quantization,Weights go from FP16 to INT8.\n002,nothing,INT8\n"
_REFERENCES: Any = EXAMPLE_RUBRIC["references"]
_PATIENCE_SECONDS = 30.0


def make_seeds(service: FuzzedService, note: Callable[[httpx.Response], object] = httpx.Response.read) -> None:
    """Makes a graded cohort with its files, analyses and exports, a webhook with a delivery, a rubric, and so on.

    `note` gets each reply.
    """
    with httpx.Client(
        base_url=service.url,
        headers=service.headers,
        timeout=_PATIENCE_SECONDS,
        event_hooks={"response": [note]},
    ) as client:
        _make_judges(service)
        _make_webhook(client)
        _make_rubric(client)
        _make_cohort(client)
        _make_grading(client)
        _send(client, "POST", "/v1/keys", json={"name": "seed", "role": "auditor"})


def _send(client: httpx.Client, method: str, path: str, **values: Any) -> Any:
    reply = client.request(method, path, **values)
    assert reply.is_success, f"{method} {path}: {reply.status_code} {reply.text}"
    return reply.json() if reply.content else None


def _wait_for(client: httpx.Client, path: str, states: set[str]) -> Mapping[str, Any]:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while (found := _send(client, "GET", path))["state"] not in states:
        assert time.monotonic() < deadline, f"{path} is still {found}"
        time.sleep(0.05)
    result: Mapping[str, Any] = found
    return result


def _make_judges(service: FuzzedService) -> None:
    for revision in ("1", "2"):
        key = JudgeKey("scripted", "scripted", revision, "prompt", "0" * 64, {"asked": "at once"})
        with service.database.begin() as session:
            register(session, key, Figures({"quantization/en": True}, spearman=0.9), engine_version="1")


def _make_webhook(client: httpx.Client) -> None:
    made = _send(client, "POST", "/v1/webhooks", json={"url": "https://hooks.example/viva"})
    path = f"/v1/webhooks/{made['webhook']['id']}"
    _send(client, "POST", f"{path}/ping")
    _send(client, "POST", f"{path}/replay", json={"after": 0})


def _make_grading(client: httpx.Client) -> None:
    made = _send(client, "POST", "/v1/gradings", json={"question_id": _QUESTION, "answer": _ANSWERS[0]})
    path = f"/v1/gradings/{made['id']}"
    _wait_for(client, path, {"graded", "needs_review"})
    _send(client, "POST", f"{path}/regrade")
    _wait_for(client, path, {"graded", "needs_review"})
    _send(client, "POST", f"{path}/reviews", json={"score": 7})


def _make_rubric(client: httpx.Client) -> None:
    first = _send(client, "POST", "/v1/rubrics", json=EXAMPLE_RUBRIC)
    copy = _send(client, "POST", "/v1/rubrics", json={"from": {"rubric_id": first["id"]}})
    edited = {
        **EXAMPLE_RUBRIC,
        "references": [*_REFERENCES, {"length": "short", "text": "Fewer bits for each weight."}],
    }
    _send(client, "PUT", f"/v1/rubrics/{copy['id']}", json=edited, headers={"If-Match": "*"})
    test = _send(client, "POST", f"/v1/rubrics/{copy['id']}/test", json={"answer": _ANSWERS[0]})
    _wait_for(client, f"/v1/rubrics/{copy['id']}/tests/{test['id']}", {"finished"})


def _make_cohort(client: httpx.Client) -> None:
    path = f"/v1/cohorts/{_send(client, 'POST', '/v1/cohorts', json={'name': 'seed', 'pass_mark': 6})['id']}"
    file = _send(client, "POST", f"{path}/files", content=_FILE, headers={"Content-Type": "text/csv"})
    report = _send(client, "GET", f"{path}/files/{file['id']}")
    mapping = {"name": "seed", "columns": ["candidate", "question_id", "answer"], "mapping": report["mapping"]}
    _send(client, "POST", "/v1/mappings", json=mapping)
    items = [
        {"external_id": f"seed-{number}", "candidate": f"c{number}", "question_id": _QUESTION, "answer": answer}
        for number, answer in enumerate(_ANSWERS, start=1)
    ]
    _send(client, "POST", f"{path}/items", json={"items": items})
    _send(client, "POST", f"{path}/files/{file['id']}/apply", json={"on_invalid": "valid_rows_only"})
    _send(client, "POST", f"{path}/estimate")
    _send(client, "POST", f"{path}/finalise")
    _send(client, "POST", f"{path}/start")
    _wait_for(client, path, {"finished"})
    for kind, body in (("duplicates", {}), ("regrades", {"pass_mark": 5})):
        made = _send(client, "POST", f"{path}/{kind}", json=body)
        _wait_for(client, f"{path}/{kind}/{made['id']}", {"finished"})
    export = _send(client, "POST", "/v1/exports", json={"cohort_id": path.rpartition("/")[2], "format": "csv"})
    _wait_for(client, f"/v1/exports/{export['id']}", {"finished"})
    edited = client.get(f"/v1/exports/{export['id']}/file").content
    _send(client, "POST", f"/v1/exports/{export['id']}/edits", content=edited, headers={"Content-Type": "text/csv"})
