"""A thousand replies, most of them wrong: what is accepted is what the judge replied."""

from __future__ import annotations

import asyncio
import math
import random
from collections import Counter

import pytest

from vivavoce.graders import JudgeFailure
from vivavoce.graders.judge.clients.client import Deadlines, JudgeClient
from vivavoce.graders.judge.prompt import PromptForm
from vivavoce.graders.judge.prompt_set import PromptSet
from vivavoce.graders.judge.servers.stub import BEHAVIOURS, Behaviour, StubJudgeServer
from vivavoce.graders.judge.verdict import read_verdicts
from vivavoce.rubrics import Rubric

REPLIES = 1_000
SLOW: set[Behaviour] = {"hang", "slow_drip", "busy", "endless_whitespace", "http_500", "drop", "drop_mid_body"}
# By whether a reply is one token: behaviours that one reply alone cannot show.
FINE: dict[bool, set[Behaviour]] = {
    True: {"answer", "truncated", "wrong_fields", "invented_quote"},
    False: {"answer", "invented_quote"},
}


@pytest.mark.processes
@pytest.mark.parametrize(
    "form", [PromptForm(), PromptForm(scope="rubric"), PromptForm(mode="explained")], ids=lambda form: str(form)
)
def test_no_wrong_reply_gives_a_verdict(rubric: Rubric, form: PromptForm) -> None:
    chance = random.Random(11)
    turns = chance.choices(
        BEHAVIOURS, weights=[6 if b == "answer" else 0.05 if b in SLOW else 1 for b in BEHAVIOURS], k=REPLIES
    )
    outcomes: Counter[tuple[Behaviour, bool]] = Counter()

    async def ask(server: StubJudgeServer) -> None:
        client = JudgeClient([server.url], deadlines=Deadlines(1.0, 1.0), circuit_seconds=0)
        prompt_set = PromptSet.from_rubric(rubric, form, b"s")
        for number, behaviour in enumerate(turns):
            met = chance.random() < 0.5
            call = chance.choice(
                prompt_set.plan_calls(prompt_set.delimit_answer(f"[1] {'INT8' if met else 'none'} {number}"))
            )
            body = {"messages": list(call.messages)}
            if call.schema:
                body["response_format"] = {"json_schema": {"schema": call.schema}}
            server.behave(behaviour)
            try:
                verdicts = read_verdicts((await client.ask(body, prefix_key="k")).reply, call.reply)
            except JudgeFailure:
                outcomes[behaviour, False] += 1
                continue
            outcomes[behaviour, True] += 1
            assert len(verdicts) == len(call.items)
            expected = math.log(9) if met else -math.log(9)
            assert all(verdict.log_odds == pytest.approx(expected) for verdict in verdicts)
        await client.aclose()

    with StubJudgeServer() as server:
        asyncio.run(ask(server))
    accepted = {behaviour for behaviour, was_accepted in outcomes if was_accepted}
    refused = {behaviour for behaviour, was_accepted in outcomes if not was_accepted}
    fine = FINE[form.is_one_token] | ({"wrong_fields"} if form.mode == "fast" else set())
    assert accepted <= fine
    assert refused.isdisjoint(fine)
    assert sum(outcomes.values()) == REPLIES
    assert len(refused) >= 10
