from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from vivavoce.service import audit
from vivavoce.service.audit import Verified
from vivavoce.service.errors import JudgeNotPromoted
from vivavoce.service.judges import versions as judge_versions
from vivavoce.service.judges.versions import Figures, JudgeKey
from vivavoce.service.storage.engine import SessionFactory
from vivavoce.service.storage.repositories import AuditRepository, JudgeVersionRepository
from vivavoce.service.storage.tables import DEFAULT_ORGANISATION

from ..samples import OTHER_ORGANISATION, add_organisation

QUESTIONS = [f"q{number}/en" for number in range(10)]


@pytest.fixture
def database(both_databases: SessionFactory) -> SessionFactory:
    return both_databases


def _judge(revision: str) -> JudgeKey:
    return JudgeKey("vllm", "m", revision, "fast", "0" * 64, {"asked": "fast/criterion/brief/zero-shot", "samples": 1})


def _figures(*wrong: int, asked: int = 10) -> Figures:
    return Figures({name: number not in wrong for number, name in enumerate(QUESTIONS[:asked])})


def _register(database: SessionFactory, revision: str, figures: Figures) -> str:
    with database.begin() as session:
        return judge_versions.register(session, _judge(revision), figures, engine_version="1").id


def _promote(database: SessionFactory, revision: str, at_least: float | None = None) -> str:
    with database.begin() as session:
        return judge_versions.promote(session, _judge(revision), at_least=at_least).id


def _back(database: SessionFactory) -> str:
    with database.begin() as session:
        return judge_versions.rollback(session).revision


def _active(database: SessionFactory) -> str | None:
    with database() as session:
        version = JudgeVersionRepository(session).find_active(DEFAULT_ORGANISATION)
        return version.revision if version else None


def _kinds(database: SessionFactory) -> list[str]:
    with database() as session:
        return [e.kind for e in AuditRepository(session).newest(DEFAULT_ORGANISATION, subject=None, limit=99)]


def test_only_a_registered_judge_is_promoted(database: SessionFactory) -> None:
    with pytest.raises(JudgeNotPromoted, match="--register"):
        _promote(database, "a")


def test_the_first_judge_needs_one_question_and_no_share(database: SessionFactory) -> None:
    _register(database, "a", Figures({}))
    with pytest.raises(JudgeNotPromoted, match="no question"):
        _promote(database, "a")
    version = _register(database, "a", Figures({"q/en": False}))
    assert _promote(database, "a") == version
    assert _active(database) == "a"


@pytest.mark.parametrize(
    ("active", "new", "reason"),
    [
        (_figures(0), _figures(0), None),
        (_figures(0), _figures(1), None),
        (_figures(0, 1), _figures(2), None),
        (_figures(), _figures(3, asked=4), "3 of 4 questions are in order, with the active version 4 are"),
        (_figures(0, 1), _figures(2, 3), "2 questions are newly out of order"),
        (_figures(asked=2), Figures({"other/en": True}), "none of the questions"),
        (_figures(9), _figures(asked=9), None),
    ],
)
def test_a_judge_must_be_no_worse_on_the_same_questions(
    database: SessionFactory, active: Figures, new: Figures, reason: str | None
) -> None:
    _register(database, "a", active)
    _promote(database, "a")
    _register(database, "b", new)
    if reason is None:
        _promote(database, "b")
    else:
        with pytest.raises(JudgeNotPromoted, match=reason):
            _promote(database, "b")
    assert _active(database) == ("a" if reason else "b")


def test_a_share_that_is_asked_for_counts_instead(database: SessionFactory) -> None:
    _register(database, "a", _figures())
    _promote(database, "a")
    _register(database, "b", _figures(0, 1, 2))
    with pytest.raises(JudgeNotPromoted, match=r"70.0% of its questions are in order, 80.0% must be"):
        _promote(database, "b", at_least=0.8)
    _promote(database, "b", at_least=0.7)
    assert _active(database) == "b"


def test_the_newest_registration_counts(database: SessionFactory) -> None:
    _register(database, "a", _figures())
    _promote(database, "a")
    _register(database, "b", _figures())
    _register(database, "b", _figures(0, 1))
    with pytest.raises(JudgeNotPromoted, match="8 of 10"):
        _promote(database, "b")


def test_a_rollback_skips_versions_that_were_rolled_back(database: SessionFactory) -> None:
    for revision in "abc":
        _register(database, revision, _figures())
    _promote(database, "a")
    _promote(database, "b")
    assert _back(database) == "a"
    _promote(database, "c")
    assert _back(database) == "a"
    with pytest.raises(JudgeNotPromoted, match="nothing to go back to"):
        _back(database)
    assert _active(database) == "a"


def test_every_step_is_audited_once(database: SessionFactory) -> None:
    for revision in "ab":
        _register(database, revision, _figures())
        _promote(database, revision)
        _promote(database, revision)
    _back(database)
    assert _kinds(database) == [
        *(["judge_registered", "judge_promoted"] * 2),
        "judge_taken_back",
    ]
    with database() as session:
        assert isinstance(audit.verify(session), Verified)


def test_a_judge_is_printed_with_what_tells_it_apart() -> None:
    key = JudgeKey("vllm", "Qwen", "a" * 40, "fast", "0" * 64, {"asked": "fast/criterion/brief/zero-shot"})
    assert str(key) == f"Qwen (revision {'a' * 12}, vllm, fast/criterion/brief/zero-shot)"


@pytest.mark.parametrize(
    ("questions", "share"),
    [({}, 0.0), ({"a/en": True}, 1.0), ({"a/en": True, "a/zh": False, "b/en": False, "b/zh": False}, 0.25)],
)
def test_the_share_in_order_counts_languages_apart(questions: dict[str, bool], share: float) -> None:
    assert Figures(questions).share_in_order == share


def test_figures_are_stored_as_they_were(sqlite_database: SessionFactory) -> None:
    figures = Figures({"q/en": True, "q/zh": False}, 2, 0.75, 0.031, 1, 8)
    version_id = _register(sqlite_database, "a", figures)
    with sqlite_database() as session:
        (version,) = JudgeVersionRepository(session).newest_first(DEFAULT_ORGANISATION)
    assert (version.id, judge_versions.figures_of(version)) == (version_id, figures)
    assert (version.promoted_at, version.retired_at, version.is_active) == (None, None, False)


@pytest.mark.parametrize(
    "change",
    [
        {"engine": "llamacpp"},
        {"model": "n"},
        {"revision": "b"},
        {"prompt_name": "explained"},
        {"prompt_hash": "1" * 64},
        {"form": {"asked": "fast/criterion/brief/zero-shot", "samples": 3}},
    ],
)
def test_any_other_part_is_another_judge(sqlite_database: SessionFactory, change: dict[str, Any]) -> None:
    _register(sqlite_database, "a", _figures())
    with pytest.raises(JudgeNotPromoted, match="is not registered"), sqlite_database.begin() as session:
        judge_versions.promote(session, replace(_judge("a"), **change))


@pytest.mark.parametrize(("at_least", "is_promoted"), [(0.7, True), (0.71, False), (0.0, True), (1.0, False)])
def test_the_wanted_share_is_inclusive(sqlite_database: SessionFactory, at_least: float, is_promoted: bool) -> None:
    _register(sqlite_database, "a", _figures(0, 1, 2))
    if is_promoted:
        _promote(sqlite_database, "a", at_least)
    else:
        with pytest.raises(JudgeNotPromoted, match=r"70\.0% of its questions are in order"):
            _promote(sqlite_database, "a", at_least)
    assert _active(sqlite_database) == ("a" if is_promoted else None)


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        (2, "2 questions are newly out of order (q0/en, q1/en), 1 may be"),
        (5, "5 questions are newly out of order (q0/en, q1/en, q2/en, q3/en, q4/en), 1 may be"),
        (6, "6 questions are newly out of order (q0/en, q1/en, q2/en, q3/en, q4/en, …), 1 may be"),
    ],
)
def test_at_most_five_broken_questions_are_named(sqlite_database: SessionFactory, broken: int, words: str) -> None:
    names = [f"q{number}/en" for number in range(2 * broken)]
    _register(sqlite_database, "a", Figures({name: number < broken for number, name in enumerate(names)}))
    _promote(sqlite_database, "a")
    _register(sqlite_database, "b", Figures({name: number >= broken for number, name in enumerate(names)}))
    with pytest.raises(JudgeNotPromoted) as error:
        _promote(sqlite_database, "b")
    assert words in str(error.value)


def test_organisations_have_their_own_judges(sqlite_database: SessionFactory) -> None:
    add_organisation(sqlite_database)
    _register(sqlite_database, "a", _figures())
    _promote(sqlite_database, "a")
    with sqlite_database.begin() as session:
        judge_versions.register(
            session, _judge("a"), _figures(), engine_version="1", organisation_id=OTHER_ORGANISATION
        )
        with pytest.raises(JudgeNotPromoted, match="nothing to go back to"):
            judge_versions.rollback(session, organisation_id=OTHER_ORGANISATION)
    with sqlite_database() as session:
        assert JudgeVersionRepository(session).find_active(OTHER_ORGANISATION) is None


def test_the_audit_trail_names_the_judge_that_was_replaced(sqlite_database: SessionFactory) -> None:
    ids = [_register(sqlite_database, revision, _figures(0)) for revision in "ab"]
    for revision in "ab":
        _promote(sqlite_database, revision)
    with sqlite_database() as session:
        events = AuditRepository(session).newest(DEFAULT_ORGANISATION, subject=ids[1], limit=9)
    assert [event.kind for event in events] == ["judge_registered", "judge_promoted"]
    assert events[1].details == {
        "model": "m",
        "revision": "b",
        "engine": "vllm",
        "in_order": 9,
        "questions": 10,
        "instead_of": ids[0],
    }
