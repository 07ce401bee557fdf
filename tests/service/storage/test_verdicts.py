from __future__ import annotations

from dataclasses import replace

import pytest

from vivavoce.graders.judge.call_record import CallRecord
from vivavoce.graders.judge.prompt import ReplyForm
from vivavoce.graders.judge.verdict import Usage
from vivavoce.graders.types import EngineIdentity
from vivavoce.service.storage.engine import SessionFactory
from vivavoce.service.storage.verdicts import StoredVerdicts

from ..samples import OTHER_ORGANISATION, add_organisation

CALL = CallRecord(
    request={
        "messages": [{"role": "user", "content": "权重以 INT8 保存。🙂"}],
        "seed": 1,
        "nested": {"a": [1.5, None]},
    },
    reply={"choices": [{"message": {"content": "Yes"}}]},
    form=ReplyForm("fast", True, 1, ("Yes", "是"), ("No", "否"), constrained=True),
    identity=EngineIdentity("vllm", "m", "1"),
    engine_version="0.9",
    prompt_name="fast",
    prompt_hash="0" * 64,
    usage=Usage(120, 100, 1),
    seconds=0.25,
    cost=0.001,
)


@pytest.fixture
def cache(database: SessionFactory) -> StoredVerdicts:
    return StoredVerdicts(database)


def test_a_call_is_read_as_it_was_stored(cache: StoredVerdicts) -> None:
    assert cache.put_many({"k": CALL}) == {"k": CALL}
    (stored,) = cache.get_many(["k", "unknown"]).values()
    assert stored == CALL
    # Tuples and not lists, as they are compared with tokens.
    assert (stored.form.yes, stored.form.no) == (("Yes", "是"), ("No", "否"))


def test_the_first_call_of_a_key_stays(cache: StoredVerdicts) -> None:
    later = replace(CALL, reply={"choices": []}, seconds=9.0)
    cache.put_many({"k": CALL})
    assert cache.put_many({"k": later, "new": later}) == {"k": CALL, "new": later}
    assert cache.get_many(["k"])["k"].seconds == 0.25


def test_nothing_in_is_nothing_out(cache: StoredVerdicts) -> None:
    assert cache.put_many({}) == {}
    assert cache.get_many([]) == {}


def test_organisations_do_not_share_verdicts(database: SessionFactory, cache: StoredVerdicts) -> None:
    add_organisation(database)
    cache.put_many({"k": CALL})
    other = StoredVerdicts(database, organisation_id=OTHER_ORGANISATION)
    assert other.get_many(["k"]) == {}
    assert other.put_many({"k": replace(CALL, seconds=9.0)})["k"].seconds == 9.0
    assert cache.get_many(["k"])["k"].seconds == 0.25
