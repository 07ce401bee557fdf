"""A caller that fills a cohort and may be killed at any time: `python -m tests.cohorts.client URL KEY COHORT ITEMS`."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import httpx
import yaml

_RUBRIC = Path(__file__).parents[1] / "data" / "rubric.yaml"
_AT_ONCE = 100


def main() -> None:
    """Send all answers, those that were sent before included, until each request has a reply."""
    url, key, cohort, items = sys.argv[1:]
    rubric = yaml.safe_load(_RUBRIC.read_text())
    answers = [
        {"external_id": f"a{number:06d}", "answer": f"INT8 takes fewer bits, said {number}.", "rubric": rubric}
        for number in range(int(items))
    ]
    with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=60, trust_env=False) as http:
        for start in range(0, len(answers), _AT_ONCE):
            _send(http, cohort, answers[start : start + _AT_ONCE])


def _send(http: httpx.Client, cohort: str, items: list[dict[str, object]]) -> None:
    while True:
        try:
            reply = http.post(f"/v1/cohorts/{cohort}/items", json={"items": items})
        except httpx.TransportError:
            reply = None
        if reply is not None and reply.status_code == 200:
            return
        assert reply is None or reply.status_code >= 500, reply.text
        time.sleep(0.2)


if __name__ == "__main__":
    main()
