"""Exports of forms are read with a row a candidate; every column says what it was taken for."""

from __future__ import annotations

import pytest

from vivavoce.rubrics import default_bank
from vivavoce.service.cohorts.files.checking import ReadItem
from vivavoce.service.cohorts.files.inspection import FileInput, inspect_file

BANK = default_bank()
QUANT, ATTENTION = (BANK.get(name, "en").question.text for name in ("quantization", "self-attention"))
ZH_QUANT = BANK.get("quantization", "zh").question.text
INT8 = "Weights are kept as INT8; they need less memory."

GOOGLE = f'Timestamp,Email Address,Your name,"{QUANT}","{ATTENTION}"\n1,a@x.org,Ada,{INT8},Queries meet keys.\n'
MICROSOFT = f'ID,Start time,Email,Name,"{QUANT}","Points - {QUANT}"\n1,9:00,anonymous,Ada,{INT8},3\n'
MOODLE = f'Last name,First name,Question 1,Response 1\nLovelace,Ada,"{QUANT}",{INT8}\nHopper,Grace,"{QUANT}",Faster.\n'
WENJUANXING = f"序号,提交答卷时间,1、您的姓名,2、{ZH_QUANT}\n1,9:00,张三,权重用 INT8 保存；占用的显存更少。\n"


def _read(text: str) -> tuple[dict[str, str | None], list[ReadItem]]:
    found = inspect_file(FileInput(text.encode(), "form.csv", 1_000), BANK)
    assert [fault.code for fault in found.faults if fault.level == "error"] == []
    return {name: guess.field for name, guess in found.columns.items()}, found.items


@pytest.mark.parametrize(
    ("text", "candidate", "questions"),
    [
        (GOOGLE, "Ada", ["quantization", "self-attention"]),
        (MICROSOFT, "Ada", ["quantization"]),
        (MOODLE, "Ada Lovelace", ["quantization", "quantization"]),
        (WENJUANXING, "张三", ["quantization"]),
    ],
    ids=["google", "microsoft", "moodle", "wenjuanxing"],
)
def test_an_export_of_a_form_is_read_as_it_is(text: str, candidate: str, questions: list[str]) -> None:
    fields, items = _read(text)
    assert [item.question_id for item in items] == questions
    assert items[0].candidate == candidate
    assert "answer" in fields.values()


def test_points_beside_an_answer_are_no_answer() -> None:
    fields, _ = _read(MICROSOFT)
    assert fields[f"Points - {QUANT}"] is None


def test_ids_do_not_depend_on_the_order_of_rows_or_the_width_of_letters() -> None:
    rows = ["Ada,quantization,first", "Bob,quantization,second"]
    _, items = _read("\n".join(["candidate,question_id,answer", *rows]))
    _, moved = _read("\n".join(["candidate,question_id,answer", rows[1], rows[0].replace("Ada", "Ａda")]))
    assert {item.external_id for item in items} == {item.external_id for item in moved}


def test_the_row_number_of_a_form_is_no_part_of_an_id() -> None:
    _, items = _read(WENJUANXING)
    _, moved = _read(WENJUANXING.replace("\n1,9:00", "\n7,9:00"))
    assert items[0].external_id == moved[0].external_id


def test_equal_answers_of_nobody_known_are_items_of_their_own() -> None:
    _, items = _read("question_id,answer\nquantization,I do not know.\nquantization,I do not know.\n")
    assert len({item.external_id for item in items}) == 2


def test_ids_of_18_digits_and_leading_zeros_survive() -> None:
    text = "external_id,candidate,question_id,answer\n001234567890123456,007,quantization,text\n"
    _, items = _read(text)
    assert (items[0].external_id, items[0].candidate) == ("001234567890123456", "007")
