from __future__ import annotations

import pytest

from vivavoce.rubrics import Bank, Rubric
from vivavoce.service.errors import NotFound, UnknownQuestionError, WrongState
from vivavoce.service.gradings.validation import find_rubric
from vivavoce.service.own_rubrics import finding as rubric_store
from vivavoce.service.own_rubrics import versions
from vivavoce.service.own_rubrics.documents import read_draft
from vivavoce.service.own_rubrics.questions import load_questions
from vivavoce.service.storage.engine import SessionFactory
from vivavoce.service.storage.tables import DEFAULT_ORGANISATION, StoredRubric, new_id

from ..samples import OTHER_ORGANISATION, add_organisation


@pytest.fixture
def database(both_databases: SessionFactory) -> SessionFactory:
    return both_databases


@pytest.fixture
def own(database: SessionFactory) -> SessionFactory:
    return database.of(DEFAULT_ORGANISATION)


def _store(own: SessionFactory, rubric: Rubric, *, notes: str, language: str = "en", status: str = "frozen") -> str:
    document = rubric.model_dump(mode="json")
    document |= {"notes": notes, "question": {**document["question"], "language": language}}
    with own.begin() as session:
        row = versions.create(session, read_draft(document), rubric_id=new_id())
        if status != "draft":
            versions.freeze(session, row, actor="test")
        if status == "retired":
            versions.retire(session, row, actor="test")
        return row.id


def _find(own: SessionFactory, bank: Bank, question: str = "quantization", **more: str | None) -> tuple[str, str]:
    with own() as session:
        rubric, source = rubric_store.find_rubric_and_source(
            session,
            bank,
            question,
            **{"language": None, "answer": "INT8 weights", **more},  # type: ignore[arg-type]
        )
    return rubric.notes, source


def test_the_version_frozen_last_comes_before_the_banks(own: SessionFactory, bank: Bank, rubric: Rubric) -> None:
    assert _find(own, bank) == ("", "bank")
    _store(own, rubric, notes="draft", status="draft")
    assert _find(own, bank) == ("", "bank")
    _store(own, rubric, notes="first")
    assert _find(own, bank, "27.1") == ("first", "own")
    _store(own, rubric, notes="second")
    _store(own, rubric, notes="gone", status="retired")
    assert _find(own, bank) == ("second", "own")
    assert rubric_store.find_rubric(own(), bank, "quantization", language="en", answer="x").notes == "second"


def test_cohorts_find_the_same_rubrics(own: SessionFactory, bank: Bank, rubric: Rubric) -> None:
    older = _store(own, rubric, notes="number 1, frozen last", status="draft")
    _store(own, rubric, notes="number 2")
    with own.begin() as session:
        versions.freeze(session, session.get_one(StoredRubric, older), actor="test")
    _store(own, rubric, notes="中文", language="zh")
    with own() as session:
        questions = load_questions(session, bank)
    for answer, language in (("INT8 weights", "en"), ("权重用更少的比特存储。", "zh")):
        found, source = questions.find("quantization", language)
        assert (found.notes, source) == _find(own, bank, answer=answer)
    only_chinese = Bank([questions.find("quantization", "zh")[0]])
    assert find_rubric(only_chinese, question_id="quantization", language=None, answer="INT8 weights").notes == "中文"
    with pytest.raises(UnknownQuestionError, match="no rubric in language 'en'"):
        find_rubric(only_chinese, question_id="quantization", language="en", answer="INT8 weights")


def test_the_language_is_that_of_the_answer_unless_there_is_only_one(
    own: SessionFactory, bank: Bank, rubric: Rubric
) -> None:
    _store(own, rubric, notes="中文", language="zh")
    assert _find(own, bank, answer="权重用更少的比特存储。") == ("中文", "own")
    assert _find(own, bank) == ("", "bank")
    nothing = Bank([])
    assert _find(own, nothing) == ("中文", "own")
    with pytest.raises(UnknownQuestionError, match="is in language 'zh' only"):
        _find(own, nothing, language="en")


def test_an_unknown_question_is_named(own: SessionFactory, bank: Bank) -> None:
    with pytest.raises(UnknownQuestionError, match="There is no question 'nothing'"):
        _find(own, bank, "nothing")


def test_a_version_is_used_by_its_id_while_it_is_frozen(own: SessionFactory, rubric: Rubric) -> None:
    frozen, draft, retired = (_store(own, rubric, notes=s, status=s) for s in ("frozen", "draft", "retired"))
    with own() as session:
        assert rubric_store.get_frozen(session, frozen).notes == "frozen"
        with pytest.raises(WrongState, match=f"POST /v1/rubrics/{draft}/freeze"):
            rubric_store.get_frozen(session, draft)
        with pytest.raises(WrongState, match="was retired"):
            rubric_store.get_frozen(session, retired)
        with pytest.raises(NotFound):
            rubric_store.get_frozen(session, "0" * 32)


def test_no_rubric_of_another_organisation_is_found(
    database: SessionFactory, own: SessionFactory, bank: Bank, rubric: Rubric
) -> None:
    add_organisation(database)
    frozen = _store(own, rubric, notes="own")
    other = database.of(OTHER_ORGANISATION)
    assert _find(other, bank) == ("", "bank")
    with other() as session, pytest.raises(NotFound):
        rubric_store.get_frozen(session, frozen)
    # A session of nobody would see the rubrics of all.
    with database() as session, pytest.raises(ValueError, match="belongs to no organisation"):
        rubric_store.find_rubric(session, bank, "quantization", language=None, answer="x")


def test_versions_are_numbered_by_question_and_language(own: SessionFactory, rubric: Rubric) -> None:
    for language in ("en", "zh", "en"):
        _store(own, rubric, notes="x", language=language)
    with own() as session:
        numbers = {(row.language, row.version) for row in session.query(StoredRubric)}
    assert numbers == {("en", 1), ("en", 2), ("zh", 1)}


def test_creating_twice_by_one_id_makes_one_draft(own: SessionFactory, rubric: Rubric) -> None:
    rubric_id = new_id()
    for _ in range(2):
        with own.begin() as session:
            versions.create(session, read_draft(rubric.model_dump(mode="json")), rubric_id=rubric_id)
    with own() as session:
        assert session.query(StoredRubric).count() == 1
