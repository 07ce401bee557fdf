"""Files as people send them, broken in every way that was seen, each with the codes that its report must have."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import openpyxl

QUESTION = "How does quantization speed up LLM inference and shrink storage, and what does it cost?"
INT8 = "Weights are kept as INT8 instead of FP16; they need less memory."
ZH = "权重用 INT8 保存，占用的显存更少。"
HEADING = "candidate,question_id,answer\n"
GOOD = f"c1,quantization,{INT8}\n"
ZH_HEADING = "考生,题号,回答,语言\n"
ZH_GOOD = f"张三,quantization,{ZH.replace('，', '；')},en\n"
ID_HEADING = "external_id,candidate,question_id,answer\n"
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
Rows = Sequence[Sequence[Any]]


@dataclass(frozen=True)
class BrokenFile:
    """A file, the codes of its errors and warnings, and of its notices; `rows` has the rows with an error."""

    label: str
    name: str
    data: bytes
    codes: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    rows: tuple[int, ...] = ()
    parameters: Mapping[str, str] = field(default_factory=dict)


def list_broken_files() -> list[BrokenFile]:
    """All of them."""
    return [*_list_texts(), *_list_broken_texts(), *_list_rows(), *_list_workbooks(), *_list_json(), *_list_wide()]


def write_xlsx(*sheets: Rows, merged: Sequence[str] = (), hidden: Sequence[int] = ()) -> bytes:
    """A workbook whose formulas have no values; `merged` are ranges of its first sheet."""
    book = openpyxl.Workbook()
    for number, rows in enumerate(sheets):
        sheet = book.worksheets[0] if number == 0 else book.create_sheet()
        for row in rows:
            sheet.append(list(row))
    for cells in merged:
        book.worksheets[0].merge_cells(cells)
    for number in hidden:
        book.worksheets[number].sheet_state = "hidden"
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def write_huge_xlsx(rows: int) -> bytes:
    """A workbook of two cells in each row."""
    parts = {"xl/worksheets/sheet1.xml": b"<row><c/></row>" * rows, "xl/workbook.xml": b"<workbook/>"}
    return write_zip(parts)


def write_zip(parts: Mapping[str, bytes]) -> bytes:
    """An archive of files by name."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return file.getvalue()


def _list_texts() -> Iterator[BrokenFile]:
    """Text that is odd and can be read."""
    plain, zh = HEADING + GOOD, ZH_HEADING + ZH_GOOD
    guessed = ("encoding_guessed",)
    yield BrokenFile("UTF-8 with a mark", "a.csv", plain.encode("utf-8-sig"))
    yield BrokenFile("GBK", "a.csv", zh.encode("gbk"), notices=guessed)
    yield BrokenFile("GB18030", "a.csv", (zh + f"李𠮷,quantization,{ZH[:8]},en\n").encode("gb18030"), notices=guessed)
    traditional = "考生,題號,回答,語言\n王小明,quantization,權重改用八位元整數保存佔用的記憶體更少,en\n"
    yield BrokenFile("Big5", "a.csv", traditional.encode("big5"), notices=guessed)
    yield BrokenFile("UTF-16, as Excel saves Unicode text", "a.txt", plain.replace(",", "\t").encode("utf-16"))
    yield BrokenFile("UTF-16 without a mark", "a.csv", plain.encode("utf-16-le"), notices=guessed)
    yield BrokenFile("semicolons", "a.csv", f"candidate;question_id;answer\nc1;quantization;{INT8[:30]}\n".encode())
    yield BrokenFile("tabs", "a.tsv", plain.replace(",", "\t").encode())
    yield BrokenFile("tabs in a .csv", "a.csv", plain.replace(",", "\t").encode())
    yield BrokenFile("hint of the delimiter", "a.csv", f"sep=;\n{plain.replace('; ', ' ').replace(',', ';')}".encode())
    yield BrokenFile("full-width commas", "a.csv", plain.replace(",", "，").encode())
    yield BrokenFile("line ends of old Macs", "a.csv", plain.replace("\n", "\r").encode())
    yield BrokenFile("full-width digits of a question", "a.csv", f"{HEADING}c1,２７.１,{INT8}\n".encode())
    yield BrokenFile(
        "answer that begins like a formula", "a.csv", f'{HEADING}c1,quantization,"=HYPERLINK(1)"\n'.encode()
    )
    yield BrokenFile(
        "ids of 18 digits and leading zeros", "a.csv", f"{HEADING}001234567890123456,quantization,x\n".encode()
    )
    yield BrokenFile("totals below", "a.csv", f"{plain}Total,,12\n".encode(), notices=("rows_skipped",))
    yield BrokenFile("title above", "a.csv", f"Interviews in May\n{plain}".encode(), notices=("titles_skipped",))
    yield BrokenFile("NUL", "a.csv", (plain + "c2,quantization,a\0b\n").encode(), ("nul_removed",))
    yield BrokenFile("row that is too short", "a.csv", (plain + "c2,quantization\n").encode(), ("empty_answer",))


def _list_broken_texts() -> Iterator[BrokenFile]:
    """Text of which nothing, or not all, can be read."""
    plain = (HEADING + GOOD).encode()
    yield BrokenFile("empty", "a.csv", b"", ("empty_file",))
    yield BrokenFile("blank", "a.csv", b" \r\n\r\n ", ("empty_file",))
    yield BrokenFile("heading alone", "a.csv", HEADING.encode(), ("no_answers",))
    yield BrokenFile(
        "mixed encodings",
        "a.csv",
        "考生,题号,回答\n张三,quantization,显存更少\n".encode() + "李四".encode("gbk"),
        ("damaged_text",),
    )
    yield BrokenFile("encoding that is none", "a.csv", plain, ("unknown_encoding",), parameters={"encoding": "klingon"})
    yield BrokenFile(
        "wrong encoding", "a.csv", ZH_HEADING.encode("gbk"), ("wrong_encoding",), parameters={"encoding": "utf-8"}
    )
    yield BrokenFile("noise", "a.csv", bytes(range(128, 256)) * 20, ("unknown_encoding",))
    yield BrokenFile("PDF", "a.csv", b"%PDF-1.7 ...", ("no_table",))
    yield BrokenFile("web page", "a.csv", b"<!DOCTYPE html><html><table></table></html>", ("no_table",))
    yield BrokenFile(
        "web page named .xls", "a.xls", b"<html><table><tr><td>answer</td></tr></table></html>", ("no_table",)
    )
    yield BrokenFile("text named .xlsx", "a.xlsx", plain, ("no_workbook",))
    yield BrokenFile("other ending", "a.docx", plain, ("unsupported_format",))
    yield BrokenFile("compressed", "a.csv.gz", b"\x1f\x8b...", ("unsupported_format",))
    yield BrokenFile(
        "no heading", "a.csv", f"c1,quantization,{INT8}\nc2,quantization,{INT8}\n".encode(), ("no_headings",)
    )
    yield BrokenFile(
        "heading in an open quotation",
        "a.csv",
        b'candidate,"question_id,answer\nc1,quantization,x\n',
        ("unreadable_headings",),
    )
    yield BrokenFile("no question", "a.csv", f"candidate,answer\nc1,{INT8}\n".encode(), ("no_question_column",))
    yield BrokenFile("no answer", "a.csv", b"candidate,remark\nc1,ok\n", ("no_answer_column",))
    twice = f"candidate,question_id,your answer,response\nc1,quantization,{INT8},x\n"
    yield BrokenFile("two columns of answers", "a.csv", twice.encode(), ("several_answer_columns",))
    several = f"candidate,prompt,question text,answer\nc1,quantization,quantization,{INT8}\n"
    yield BrokenFile("two columns of questions", "a.csv", several.encode(), ("several_question_columns",))
    columns = ",".join(f"x{number}" for number in range(16_385))
    yield BrokenFile(
        "too many columns", "a.csv", f"candidate,question_id,answer,{columns}\n{GOOD}".encode(), ("too_many_columns",)
    )
    yield BrokenFile("10^6 rows", "a.csv", HEADING.encode() + b"c,q,a\n" * 1_000_000, ("too_many_rows",))


def _list_rows() -> Iterator[BrokenFile]:
    """Text with rows that cannot be used."""
    rows = {
        "unknown question": ("c2,no-such-question,x", "unknown_question"),
        "question left empty": ("c2,,x", "missing_question"),
        "answer of 20,001 characters": (f"c2,quantization,{'x' * 20_001}", "answer_unusable"),
        "candidate of 201 characters": (f"{'x' * 201},quantization,text", "candidate_unusable"),
        "id in scientific form": ("4.40106E+17,quantization,x", "damaged_number"),
        "too many cells": ("c2,quantization,yes, it shrinks, too", "ragged_row"),
        "error of Excel": ("c2,quantization,#NAME?", "excel_error"),
        "quotation mark that is never closed": ('c2,quantization,"open', "unclosed_quotation"),
        "text behind a quotation": ('c2,quantization,"It" shrinks, too', "text_after_quotation"),
    }
    for label, (row, code) in rows.items():
        yield BrokenFile(label, "a.csv", f"{HEADING}{GOOD}{row}\n".encode(), (code,), rows=(3,))
    swallowed = f'{HEADING}{GOOD}c2,quantization,"open\nc3,quantization,x"\nc4,quantization,fine\n'
    yield BrokenFile("quotation that takes in a row", "a.csv", swallowed.encode(), ("row_in_quotation",), rows=(3,))
    yield BrokenFile(
        "unknown language",
        "a.csv",
        f"answer,question_id,language\n{INT8},quantization,fr\n".encode(),
        ("unknown_language",),
        rows=(2,),
    )
    chinese = ZH.replace("，", "；")
    table = f"{HEADING}{GOOD}c2,quantization,{chinese}\n".encode()
    yield BrokenFile("answer in the other language", "a.csv", table, ("rubric_in_other_language",))
    table = f"answer,question_id,language\n{chinese},quantization,zh\n".encode()
    yield BrokenFile("language without a rubric", "a.csv", table, ("no_rubric_in_language",), rows=(2,))
    yield BrokenFile("empty answer", "a.csv", f"{HEADING}{GOOD}c2,quantization,\n".encode(), ("empty_answer",))
    yield BrokenFile(
        "one candidate twice", "a.csv", f"{HEADING}{GOOD}{GOOD}".encode(), ("duplicate_answer",) * 2, rows=(2, 3)
    )
    ids = f"{ID_HEADING}7,{GOOD}7,c2,quantization,x\n"
    yield BrokenFile("one id twice", "a.csv", ids.encode(), ("duplicate_id",) * 2, rows=(2, 3))
    yield BrokenFile(
        "id left empty", "a.csv", f"{ID_HEADING}7,{GOOD},c2,quantization,x\n".encode(), ("missing_id",), rows=(3,)
    )
    yield BrokenFile(
        "id of 201 characters", "a.csv", f"{ID_HEADING}{'7' * 201},{GOOD}".encode(), ("id_too_long",), rows=(2,)
    )
    many = f"{HEADING}c1,nothing,{'x' * 20_001}\n{'y' * 201},quantization,x\n"
    yield BrokenFile(
        "all errors of a file", "a.csv", many.encode(), ("answer_unusable", "candidate_unusable"), rows=(2, 3)
    )


def _list_workbooks() -> Iterator[BrokenFile]:
    head = HEADING.strip().split(",")
    good = ["c1", "quantization", INT8]
    whole = write_xlsx([head, good])
    yield BrokenFile("workbook named .xls", "a.xls", whole)
    merged = write_xlsx([head, good, ["c2", "quantization", None]], merged=["C2:C3"])
    yield BrokenFile("merged answers", "a.xlsx", merged, ("merged_cell",), rows=(3,))
    yield BrokenFile(
        "formula without a value",
        "a.xlsx",
        write_xlsx([head, good, ["c2", "quantization", "=A1"]]),
        ("formula_without_value",),
        rows=(3,),
    )
    yield BrokenFile(
        "id of 18 digits as a number",
        "a.xlsx",
        write_xlsx([head, [440106199001012345, *good[1:]]]),
        ("damaged_number",),
        rows=(2,),
    )
    numbers = [[number, "quantization", f"text {number}"] for number in (10001, 10002, 10003, 42)]
    yield BrokenFile("leading zeros lost", "a.xlsx", write_xlsx([head, *numbers]), ("zeros_lost",))
    yield BrokenFile(
        "error value", "a.xlsx", write_xlsx([head, good, ["c2", "quantization", "#N/A"]]), ("excel_error",), rows=(3,)
    )
    yield BrokenFile(
        "date for an answer",
        "a.xlsx",
        write_xlsx([head, good, ["c2", "quantization", date(2026, 5, 1)]]),
        ("date_as_answer",),
    )
    yield BrokenFile("hidden sheet first", "a.xlsx", write_xlsx([["secret"], ["x"]], [head, good], hidden=[0]))
    yield BrokenFile("several sheets", "a.xlsx", write_xlsx([["Read me"]], [head, good]), notices=("one_sheet_read",))
    yield BrokenFile("unknown sheet", "a.xlsx", whole, ("unknown_sheet",), parameters={"sheet": "Antworten"})
    yield BrokenFile("empty workbook", "a.xlsx", write_xlsx([]), ("empty_file",))
    yield BrokenFile("workbook cut short", "a.xlsx", whole[: len(whole) // 2], ("damaged_workbook",))
    yield BrokenFile("text document", "a.xlsx", write_zip({"word/document.xml": b"<x/>"}), ("damaged_workbook",))
    yield BrokenFile("binary workbook", "a.xlsx", write_zip({"xl/workbook.bin": b"x"}), ("unsupported_format",))
    locked = _OLE + bytes(600) + "EncryptedPackage".encode("utf-16-le") + bytes(600)
    yield BrokenFile("password", "a.xlsx", locked, ("locked_workbook",))
    yield BrokenFile("damaged .xls", "a.xls", _OLE + bytes(2000), ("damaged_workbook",))
    bomb = write_zip({"xl/worksheets/sheet1.xml": bytes(260 * 1024 * 1024)})
    yield BrokenFile("zip bomb", "a.xlsx", bomb, ("too_large_unpacked",))
    yield BrokenFile("10^6 rows of a workbook", "a.xlsx", write_huge_xlsx(1_000_000), ("too_many_rows",))
    far = openpyxl.load_workbook(io.BytesIO(whole))
    far.worksheets[0]["XFD90000"] = "x"
    file = io.BytesIO()
    far.save(file)
    yield BrokenFile("cell far below", "a.xlsx", file.getvalue(), ("sheet_too_large",))


def _list_json() -> Iterator[BrokenFile]:
    good = {"candidate": "c1", "question_id": "quantization", "answer": INT8}
    line = json.dumps(good)
    yield BrokenFile("JSON lines", "a.jsonl", f"{line}\n".encode())
    yield BrokenFile("array", "a.json", json.dumps([good]).encode())
    yield BrokenFile("array in a .jsonl", "a.jsonl", json.dumps([good], indent=1).encode())
    yield BrokenFile("nested list", "a.json", json.dumps({"data": {"answers": [good]}}).encode())
    lists = {"a": [good], "b": [good]}
    yield BrokenFile("two lists", "a.json", json.dumps(lists).encode(), ("several_lists",))
    yield BrokenFile(
        "lone surrogate", "a.jsonl", line.replace("less", "\\ud800").encode(), ("half_character_replaced",)
    )
    yield BrokenFile("NUL in JSON", "a.jsonl", line.replace("less", "\\u0000").encode(), ("nul_removed",))
    yield BrokenFile("line that is no JSON", "a.jsonl", f"{line}\n{{'answer': 1}}\n".encode(), ("bad_json",), rows=(2,))
    yield BrokenFile("line that is no object", "a.jsonl", f'{line}\n"text"\n'.encode(), ("bad_json",), rows=(2,))
    doubled = '{"answer": "x", "answer": "y", "question_id": "quantization"}'
    yield BrokenFile("name twice", "a.jsonl", f"{line}\n{doubled}\n".encode(), ("repeated_name",), rows=(2,))
    yield BrokenFile("array that is not closed", "a.json", f"[\n{line},\n".encode(), ("array_not_closed",), rows=(3,))
    listed = json.dumps({**good, "candidate": "c2", "answer": ["x"]})
    yield BrokenFile("answer that is a list", "a.jsonl", f"{line}\n{listed}\n".encode(), ("answer_no_text",), rows=(2,))
    lacking = json.dumps({"candidate": "c2", "question_id": "quantization"})
    yield BrokenFile(
        "answer that is missing", "a.jsonl", f"{line}\n{lacking}\n".encode(), ("missing_answer",), rows=(2,)
    )
    exact = json.dumps({**good, "external_id": 440106199001012345})
    yield BrokenFile("id of 18 digits in JSON", "a.jsonl", f"{exact}\n".encode())
    rounded = json.dumps({**good, "external_id": 4.40106199001012e17})
    yield BrokenFile("id that was rounded", "a.jsonl", f"{rounded}\n".encode(), ("damaged_number",), rows=(1,))


def _list_wide() -> Iterator[BrokenFile]:
    form = f'Timestamp,Email,"1. {QUESTION}"\n2026-05-01,a@x.org,{INT8}\n'
    yield BrokenFile("form", "a.csv", form.encode())
    unclear = f'Email,"Explain in your own words how pruning differs from distillation."\na@x.org,{INT8}\n'
    yield BrokenFile("question that is not known", "a.csv", unclear.encode(), ("unclear_question_column",))
    twice = f'Email,"1. {QUESTION}","2. {QUESTION}"\na@x.org,{INT8},{INT8}\n'
    yield BrokenFile("question twice", "a.csv", twice.encode(), ("repeated_question",))
    again = f'Email,"{QUESTION}"\na@x.org,{INT8}\na@x.org,{INT8}\n'
    yield BrokenFile("respondent twice", "a.csv", again.encode(), ("duplicate_answer",) * 2, rows=(2, 3))
    nobody = f'Email,"{QUESTION}"\na@x.org,{INT8}\nb@x.org,\n'
    yield BrokenFile("respondent without an answer", "a.csv", nobody.encode(), notices=("rows_without_answers",))
    row = f'Ada,L,"{QUESTION}",{INT8}\n'
    moodle = (
        f"First name,Last name,Question 1,Response 1\n{row}{row.replace('Ada', 'Eve')}Bob,M,Quite another?,{INT8}\n"
    )
    yield BrokenFile("random question that is not known", "a.csv", moodle.encode(), ("unclear_question_column",))
