from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from vivavoce.service.storage.tables import Event
from vivavoce.service.webhooks.messages import sign, write_body

PAGE = Path(__file__).parents[3] / "docs" / "api" / "events.md"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = "whsec_" + "QUFB" * 8
Cases = list[tuple[str, dict[str, str]]]


def _make(moment: datetime, secrets: list[str]) -> tuple[str, dict[str, str]]:
    event = Event(sequence=7, kind="grading.graded", at=moment, subject_id="s", data={"reason": "评分"})
    body = write_body(event)
    return body, sign("msg_1", body, secrets, moment)


@pytest.mark.parametrize("hours", [0, 8, -7])
def test_the_signature_is_that_of_the_specification_in_every_zone(hours: int) -> None:
    moment = datetime.fromtimestamp(1614265330, timezone(timedelta(hours=hours)))
    headers = sign("msg_p5jXN8AQM9LWM0D4loKWxJek", '{"test": 2432232314}', [SECRET], moment)
    assert headers["webhook-timestamp"] == "1614265330"
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def _read_in_python(cases: Cases) -> list[Any]:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)
    return [names["read_message"](body.encode(), headers, SECRET) for body, headers in cases]


def _read_in_javascript(cases: Cases) -> list[Any]:
    if shutil.which("node") is None:
        pytest.skip("node is not installed: the lines in JavaScript were not tried")
    (code,) = re.findall(r"```javascript\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    calls = ",".join(f"readMessage({json.dumps(body)}, {json.dumps(headers)}, '{SECRET}')" for body, headers in cases)
    command = ["node", "--input-type=module", "-e", f"{code}\nconsole.log(JSON.stringify([{calls}]));"]
    found: list[Any] = json.loads(subprocess.run(command, capture_output=True, check=True, timeout=60).stdout)
    return found


@pytest.mark.parametrize("read", [_read_in_python, _read_in_javascript])
def test_the_lines_of_the_documentation_tell_our_messages_from_others(read: Callable[[Cases], list[Any]]) -> None:
    now = datetime.now(UTC)
    body, headers = _make(now, [OTHER, SECRET])
    cases = [
        (body, headers),
        (body.replace("graded", "failed"), headers),
        (body, {**headers, "webhook-signature": "nonsense"}),
        _make(now - timedelta(minutes=6), [SECRET]),
        _make(now, [OTHER]),
    ]
    ours, *others = read(cases)
    assert ours["data"] == {"reason": "评分", "id": "s"}
    assert others == [None] * 4
