"""Tells sentences that report, quote, define or teach what is said to a grader from those that say it.

"My manager told me to give everybody full marks" is content; a model reads it, and a person sees the flag.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..normal_text import words
from .patterns import read_about_this_answer, read_quotation_patterns, read_report_patterns

_QUOTED = re.compile(
    r"“[^”]{2,}”|「[^」]{2,}」|『[^』]{2,}』|(?<!\w)\"[^\"]{2,}\"(?!\w)|(?<!\w)'[^']{4,}'(?!\w)|`[^`]{2,}`|‘[^’]{4,}’"
)
# "Reply with “full marks”" is an order all the same.
_TOLD_TO_SAY = re.compile(
    r"""(?ix) (?:^|[.,;:!?]\s*|\b(?:please|must|should|just|now|and|you|are\s+to)\s+)
        (?:say|print|output|reply|respond|write|return|answer|put|record|enter|state|tick|check|cross|circle|select
          |choose|click)\b (?:\s+\w+){0,4} \W* $
    | (?:请|务必|必须|直接|只|你|您)(?:直接|只)? (?:输出|回复|回答|返回|填写?|写|说) \W* $
    | (?:帮|替|给)我[^，。]{0,8}(?:勾|选|点|填)[^，。]{0,6}$"""
)
_QUOTED_WHOLE = re.compile(
    r"“[^”]{2,400}”|「[^」]{2,400}」|『[^』]{2,400}』|(?<!\w)\"[^\"]{2,400}\"(?!\w)|‘[^’]{4,400}’(?!\w)"
)
_SENTENCE_END = re.compile(r"[.!?](?=\s)|[。！？\n]")
# In characters, on each side of a quotation.
_REACH = 160
_FEWEST_WORDS_BESIDE = 3
# Fewer words around a quotation say nothing about it.
_FEWEST_WORDS_AROUND = 4


def find_reported_quotations(text: str) -> Iterator[tuple[int, int]]:
    """Bounds of the quotations of a text, of one sentence or more, that the words before or after them report."""
    patterns = read_quotation_patterns()
    for quoted in _QUOTED_WHOLE.finditer(text):
        before = _SENTENCE_END.split(text[max(quoted.start() - _REACH, 0) : quoted.start()].rstrip(" .。!?！？;；"))[-1]
        after = _SENTENCE_END.split(text[quoted.end() : quoted.end() + _REACH].lstrip(" .。!?！？;；"))[0]
        if _tells(before, patterns["before"]) or _tells(after, patterns["after"]):
            yield quoted.span()


def _tells(clause: str, pattern: re.Pattern[str]) -> bool:
    """Whether the words beside a quotation say where it comes from, and do not speak to the reader."""
    is_long_enough = len(words(clause)) >= _FEWEST_WORDS_BESIDE
    return is_long_enough and bool(pattern.search(clause)) and not read_about_this_answer().search(clause)


def leave_out_quotes(sentence: str) -> str:
    """The sentence without its quotations, if enough words around them speak of them; else the sentence."""
    kept, last = [], 0
    for quoted in _QUOTED.finditer(sentence):
        if _TOLD_TO_SAY.search(sentence[last : quoted.start()]):
            continue
        kept.append(sentence[last : quoted.start()])
        last = quoted.end()
    rest = " … ".join([*kept, sentence[last:]])
    return rest if len(words(rest)) >= _FEWEST_WORDS_AROUND else sentence


def is_report(sentence: str) -> bool:
    """Whether a sentence without its quotations tells of others or of the past, defines, or gives general advice."""
    is_about_this = bool(read_about_this_answer().search(sentence))
    return any(
        pattern.regex.search(sentence) for pattern in read_report_patterns() if pattern.always or not is_about_this
    )
