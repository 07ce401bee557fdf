"""What stands in a transcript before the first speaker: its heading, a greeting, or words that may be anybody's."""

from __future__ import annotations

import re
from collections.abc import Sequence

from .lines import Line
from .roles import is_name

_HEADING = re.compile(
    r"""(?xi) .*\b(?: transcript(?:ion)? | record(?:ing|ed) | attendees | participants | meeting | interview | duration
    | date | started | round | position | notes? | minutes | typed | log | conversation ) \b.*
    | .*(?: 录音 | 录制 | 转写 | 文字记录 | 参会人 | 会议 | 时长 | 面试 | 访谈 | 关键词
    | 纪要 | 记录 | 笔记 | 整理 | 手打 | 自己打 | 回忆 | 复盘 | 逐字稿 | 对话 | 凭记忆
    | 日期 | 时间 | 岗位 | 职位 | 主题 | 智能总结 ).*
    | \W*\d[\d\W年月日时分秒钟上下午周星期一二三四五六hmsAPMGTUC]*"""
)
_GREETING = re.compile(
    r"""(?xi) \W*(?: hi | hello | hey | good\ (?:morning|afternoon|evening) | welcome | thanks\ for\ (?:coming|joining)
    | [你您]好 | 大家好 | 早上好 | 上午好 | 下午好 | 晚上好 | 欢迎 | 感谢 )\b .*"""
)
_QUESTION_MARK = re.compile(r"[?？]")
_SENTENCE_END = re.compile(r"[.。!！;；,，]\W*$")
_LONGEST_HEADING = 120


def is_heading(text: str, lines: Sequence[Line], *, has_sentences: bool = False) -> bool:
    """Whether these lines only say what kind of conversation follows, or greet; `has_sentences` allows full stops."""
    parts = [text[line.start : line.end].strip() for line in lines if not line.is_silent]
    return all(
        _GREETING.fullmatch(part)
        or _names_conversation(part, has_sentences=has_sentences)
        or _lists_names(part)
        # What stands below "Keywords:".
        or (index and parts[index - 1].endswith((":", "：")))
        for index, part in enumerate(parts)
    )


def is_of_others(text: str, lines: Sequence[Line]) -> bool:
    """Whether these lines are a heading, or have a question or a greeting: then they are not the candidate's."""
    parts = [text[line.start : line.end] for line in lines]
    asks_or_greets = any(_QUESTION_MARK.search(part) or _GREETING.fullmatch(part.strip()) for part in parts)
    return asks_or_greets or is_heading(text, lines, has_sentences=True)


def _names_conversation(part: str, *, has_sentences: bool) -> bool:
    is_short = len(part) <= _LONGEST_HEADING and (has_sentences or not _SENTENCE_END.search(part))
    return is_short and _HEADING.fullmatch(part) is not None


def _lists_names(part: str) -> bool:
    return all(is_name(name.strip()) for name in re.split(r"[,，、;；]", part))
