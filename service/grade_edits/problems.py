"""What can be wrong with an edited row, as codes with a sentence in both languages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

_SENTENCES: dict[str, tuple[str, str]] = {
    "no_id": (
        "The row has no grading id: keep the column grading_id as it was exported.",
        "该行没有评分编号：请保留导出文件中的“评分编号”列，不要修改。",
    ),
    "unknown_id": (
        "There is no grading '{value}' in this export: keep the column grading_id as it was exported.",
        "本次导出中没有评分“{value}”：请保留导出文件中的“评分编号”列，不要修改。",
    ),
    "ids_disagree": (
        "The ids of this row belong to different answers (column {column}): sort whole rows, not single columns.",
        "该行的编号属于不同的回答（列 {column}）：排序时请选中整行，不要只排序个别列。",
    ),
    "duplicate": (
        "The grading of row {value} stands here again: keep one of the two rows.",
        "该评分与第 {value} 行重复：请只保留其中一行。",
    ),
    "not_a_score": (
        "'{value}' is no score: write a number from 0 to 10.",
        "“{value}”不是有效分数：请填写 0 到 10 之间的数字。",
    ),
    "not_a_level": (
        "'{value}' is no level of this criterion: write a whole number from 0 to {highest}.",
        "“{value}”不是该评分项的有效等级：请填写 0 到 {highest} 之间的整数。",
    ),
    "no_criterion": (
        "The question has no such criterion: clear the cell.",
        "该题没有这个评分项：请清空该单元格。",
    ),
    "comment_too_long": (
        "The comment has more than {highest} characters: shorten it.",
        "评语超过 {highest} 个字符：请缩短。",
    ),
    "cleared": (
        "A person's grade can be replaced and not removed: write it again, or write another.",
        "人工评分可以修改，但不能删除：请恢复原值，或填写新的值。",
    ),
    "graded_again": (
        "The answer was graded again since the export, so the row is out of date: export again and edit that file.",
        "导出之后该回答已重新评分，该行内容已过期：请重新导出后再修改。",
    ),
    "answer_changed": (
        "The answer was changed since the export, so the row is out of date: export again and edit that file.",
        "导出之后该回答已被修改，该行内容已过期：请重新导出后再修改。",
    ),
    "reviewed_since": (
        "A person reviewed the answer since the export: export again, so that their grade is not overwritten unseen.",
        "导出之后已有人复核过该回答：请重新导出，以免在不知情的情况下覆盖其评分。",
    ),
}


@dataclass(frozen=True)
class EditProblem:
    """A row that cannot be applied, with its column and value where one is to blame."""

    row: int
    code: str
    column: str | None = None
    value: str | None = None
    highest: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """Returns it as JSON values, with its sentences."""
        shown = {"value": (self.value or "")[:60], "column": self.column or "", "highest": self.highest}
        en, zh = _SENTENCES[self.code]
        place = {"row": self.row, "column": self.column, "code": self.code, "value": self.value and self.value[:200]}
        return {**place, "message_en": en.format(**shown), "message_zh": zh.format(**shown)}
