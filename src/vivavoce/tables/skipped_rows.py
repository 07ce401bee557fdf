"""Which rows of a table are no candidates: blank ones, repeated headings, points possible, totals and notes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .headings import is_blank, normalize_heading
from .model import Sentence

_TOTALS = frozenset(["pointspossible", "满分", "滿分", "总分", "總分"])
_BARE_NUMBER = re.compile(r"[\d.,%/]*(\(.*\))?")
_RULE = re.compile(r":?-{3,}:?")
# Shorter words are names, too.
_TOTAL_ROW = re.compile(
    r"(?:(?:grand|sub|over-?all|class|group|course|mean|total|median|maximum|minimum|highest|lowest)?[\s-]*"
    r"(?:totals?|average|median|(?:average|mean|total|highest|lowest|maximum|minimum) (?:score|points|marks?|grade)s?)"
    r"|(?:over-?all |class )?mean|standard deviation|std\.? ?dev\.?|pass rate"
    r"|(?:班级|班級|总|總|全部|全班)?(?:合计|合計|总计|總計|小计|小計|共计|共計|平均|平均分数?|平均分數|平均值|平均数|平均數|均值|均分"
    r"|中位数|中位數|最高分|最低分|标准差|標準差|及格率)"
    r"|gesamt|insgesamt|durchschnitt|mittelwert|moyenne|total général|promedio|média|gemiddelde|totaal)\s*[:：]?",
    re.IGNORECASE,
)
_NOTE_ROW = re.compile(
    r"(?:sources?|notes?|remarks?|n\.?b\.?|legend|disclaimer|quelle|hinweis|fuente|nota|fonte|bron|remarque"
    r"|备注|備註|注|註|说明|說明|来源|來源|数据来源|資料來源|注意|制表人?|製表人?|导出时间|匯出時間)\s*[:：].*|备注|備註"
    r"|(?:generated|exported|printed|created|downloaded) (?:on|by|at|from|with)\b.*"
    r"|end of (?:report|file|table|data)\.?|(?:以下|以上)(?:空白|无内容).*",
    re.IGNORECASE | re.DOTALL,
)
_MOST_LINES = 10


def find_reason_to_skip(values: Mapping[str, Any], answer: str | None, headings: Sequence[str]) -> str | None:
    """Why a row is no candidate's; None if it is one."""
    filled = {column: str(value).strip() for column, value in values.items() if not is_blank(value)}
    if not filled:
        return "blank"
    if all(_RULE.fullmatch(text) for text in filled.values()):
        return "a rule under the headings"
    pairs = zip(map(normalize_heading, headings), map(_normalize_value, values.values()), strict=True)
    if len(filled) > 1 and all(text in ("", heading) for heading, text in pairs):
        return "a repeated heading"
    if answer is not None and _BARE_NUMBER.fullmatch(filled.get(answer, "")):
        others = (normalize_heading(text) for column, text in filled.items() if column != answer)
        if any(other in _TOTALS for other in others):
            return "points possible, no candidate"
    return "totals or notes, no candidates" if _is_footer(filled, answer) else None


def _is_footer(filled: Mapping[str, str], answer: str | None) -> bool:
    """Whether a row without an answer begins like a total, or like a note where the column of answers is known."""
    column, first = next(iter(filled.items()))
    given = [filled.get(answer, "")] if answer else [text for name, text in filled.items() if name != column]
    is_named = _TOTAL_ROW.fullmatch(first) or (answer and _NOTE_ROW.fullmatch(first))
    return column != answer and bool(is_named) and all(map(_BARE_NUMBER.fullmatch, given))


def _normalize_value(value: Any) -> str:
    # What has no letters is no heading.
    return "" if is_blank(value) else normalize_heading(str(value)) or "?"


def describe_skipped(skipped: Mapping[str, Sequence[int]]) -> Iterator[str]:
    """A sentence for each reason with the lines of its rows."""
    for reason, lines in skipped.items():
        rows = "1 row was skipped" if len(lines) == 1 else f"{len(lines)} rows were skipped"
        text = f"{rows} as {reason}: {describe_lines(lines)}."
        yield Sentence(text, "rows_skipped", count=len(lines), reason=reason, lines=describe_lines(lines))


def describe_lines(lines: Sequence[int]) -> str:
    """The numbers of lines in few words, neighbours as a range."""
    ranges: list[list[int]] = []
    for line in lines:
        if ranges and line == ranges[-1][1] + 1:
            ranges[-1][1] = line
        else:
            ranges.append([line, line])
    named = [str(first) if first == last else f"{first} to {last}" for first, last in ranges[:_MOST_LINES]]
    return ("line " if len(lines) == 1 else "lines ") + ", ".join(named) + (", …" if len(ranges) > _MOST_LINES else "")
