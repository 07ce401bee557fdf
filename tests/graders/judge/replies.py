"""Chat completions and call records, made by hand."""

from __future__ import annotations

import json
import math
from typing import Any

from vivavoce.graders.judge.call_record import CallRecord
from vivavoce.graders.judge.prompt import ReplyForm
from vivavoce.graders.judge.verdict import Usage
from vivavoce.graders.types import EngineIdentity

EN = ReplyForm("fast", True, 1, ("Yes", "yes", "YES"), ("No", "no", "NO"))
ZH = ReplyForm("fast", True, 1, ("是",), ("否",))
WHOLE = ReplyForm("fast", False, 2, EN.yes, EN.no)
EXPLAINED = ReplyForm("explained", False, 1, EN.yes, EN.no)
IDENTITY = EngineIdentity("vllm", "model", "revision")


def reply_with(*tops: tuple[str, float]) -> dict[str, Any]:
    """A reply of one token with these alternatives and their log-probabilities."""
    listed = [{"token": token, "logprob": logprob} for token, logprob in tops]
    return {"choices": [{"logprobs": {"content": [{"token": "", "top_logprobs": listed}]}}]}


def yes_with(probability: float) -> dict[str, Any]:
    """A reply of one token: yes with a probability, else no."""
    return reply_with(("Yes", math.log(probability)), ("No", math.log(1 - probability)))


def json_reply(*pieces: str | tuple[str, float], finish: str = "stop") -> dict[str, Any]:
    """A reply token by token; a pair is a verdict with its probability of yes."""
    content = []
    for piece in pieces:
        token, tops = piece if isinstance(piece, str) else piece[0], []
        if not isinstance(piece, str):
            tops = yes_with(piece[1])["choices"][0]["logprobs"]["content"][0]["top_logprobs"]
        content.append({"token": token, "bytes": list(token.encode()), "top_logprobs": tops})
    text = "".join(str(entry["token"]) for entry in content)
    choice = {"finish_reason": finish, "message": {"content": text}, "logprobs": {"content": content}}
    return {"choices": [choice]}


def explained_reply(quote: Any, *, verdict: tuple[str, float] = ("Yes", 0.8), **other: Any) -> dict[str, Any]:
    """A JSON reply with evidence, `other` fields, and a verdict with its probability of yes."""
    body = json.dumps({"sentences": [1], "quote": quote, "reason": "Because.", **other})
    return json_reply(body[:-1] + ', "verdict": "', verdict, '"}')


def call_record(reply: dict[str, Any], form: ReplyForm = EN) -> CallRecord:
    """The record of a call with this reply."""
    return CallRecord(
        request={"messages": []},
        reply=reply,
        form=form,
        identity=IDENTITY,
        engine_version="1",
        prompt_name="fast.en",
        prompt_hash="hash",
        usage=Usage(0, 0, 0),
        seconds=0.0,
        cost=0.0,
    )
