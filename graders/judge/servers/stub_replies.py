"""What the stub judge replies: chat completions with log-probabilities, proper ones and wrong ones."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any, Literal, get_args

Behaviour = Literal[
    "answer", "http_500", "busy", "hang", "drop", "drop_mid_body", "slow_drip", "endless_whitespace",
    "half_json", "not_json", "json_array", "no_probabilities", "nan", "sum_above_one", "eleven_of_ten",
    "another_language", "hedging", "truncated", "wrong_fields", "invented_quote",
]  # fmt: skip
BEHAVIOURS: tuple[Behaviour, ...] = get_args(Behaviour)
_LIKELY, _UNLIKELY = math.log(0.9), math.log(0.1)
_OTHER_WORDS = {"eleven_of_ten": "11", "another_language": "はい", "hedging": "Maybe"}


def build_reply(body: dict[str, Any], behaviour: Behaviour, *, yes_when: str, text: str) -> dict[str, Any]:
    """The chat completion for a request: yes when the prompt's answer contains `yes_when`, else no.

    `text`, if not empty, is the reply to a request with a schema instead of verdicts.
    """
    messages = body["messages"]
    asked = messages[-1]["content"]
    yes, no = ("是", "否") if "回答" in asked else ("Yes", "No")
    # Behind the answer's delimiter, the question may contain the word.
    is_yes = yes_when in asked.rsplit(">>>", 1)[0]
    tops = _list_alternatives(yes, no, is_yes=is_yes, behaviour=behaviour)
    written = _OTHER_WORDS.get(behaviour, yes if is_yes else no)
    schema = body.get("response_format", {}).get("json_schema", {}).get("schema")
    if schema is None:
        content: list[dict[str, Any]] = [{"token": written, "top_logprobs": tops}]
    elif text:
        content = []
    else:
        quote = "nobody said this here" if behaviour == "invented_quote" else yes_when
        filled = _fill_schema(schema, written, quote if is_yes else "", wrong=behaviour == "wrong_fields")
        content = _split_tokens(filled, written, tops)
    if behaviour == "truncated" and schema is not None:
        content = content[: len(content) // 2]
    ends = text or (schema is not None and behaviour != "truncated")
    choice: dict[str, Any] = {
        "message": {"content": text or "".join(piece["token"] for piece in content)},
        "finish_reason": "stop" if ends else "length",
        "logprobs": None if behaviour == "no_probabilities" else {"content": content},
    }
    tokens = sum(len(message["content"]) for message in messages) // 4
    return {"choices": [choice], "usage": {"prompt_tokens": tokens, "completion_tokens": len(content)}}


def count_words(messages: Sequence[dict[str, str]]) -> int:
    """The stub's count of tokens: words between blanks."""
    return sum(len(message["content"].split()) for message in messages)


def _list_alternatives(yes: str, no: str, *, is_yes: bool, behaviour: Behaviour) -> list[dict[str, Any]]:
    pair = [(yes, _LIKELY if is_yes else _UNLIKELY), (no, _UNLIKELY if is_yes else _LIKELY)]
    if behaviour in _OTHER_WORDS:
        pair = [(_OTHER_WORDS[behaviour], _LIKELY), (yes, _UNLIKELY)]
    if behaviour == "nan":
        pair = [(yes, math.nan), (no, math.nan)]
    if behaviour == "sum_above_one":
        pair = [(yes, _LIKELY), (no, _LIKELY)]
    return [{"token": token, "logprob": logprob} for token, logprob in pair]


def _fill_schema(schema: dict[str, Any], verdict: str, quote: str, *, wrong: bool) -> str:
    """A JSON text that follows a schema, with one verdict everywhere; `wrong` leaves its evidence out."""

    def fill_form(form: dict[str, Any]) -> Any:
        if form["type"] == "string":
            return verdict
        explained = {"sentences": [1], "quote": quote, "reason": "Because.", "verdict": verdict}
        return {"verdict": verdict} if wrong else explained

    properties = schema["properties"]
    if "verdict" in properties:
        return json.dumps(fill_form(schema), ensure_ascii=False)
    return json.dumps({name: fill_form(form) for name, form in properties.items()}, ensure_ascii=False)


def _split_tokens(text: str, verdict: str, tops: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The text as tokens; each verdict is a token of its own, with `tops` as its alternatives."""
    pieces: list[dict[str, Any]] = []
    for index, piece in enumerate(text.split(f'"{verdict}"')):
        if index:
            pieces += [{"token": '"', "top_logprobs": []}, {"token": verdict, "top_logprobs": tops}]
            piece = '"' + piece
        pieces.append({"token": piece, "top_logprobs": []})
    return pieces
