"""Tells sentences that report, quote, define or teach what is said to a grader from those that say it.

"My manager told me to give everybody full marks" is content; a model reads it, and a person sees the flag.
"""

from __future__ import annotations

import re

from ..normal_text import words
from .patterns import read_about_this_answer, read_report_patterns

_QUOTED = re.compile(
    r"“[^”]{2,}”|「[^」]{2,}」|『[^』]{2,}』|(?<!\w)\"[^\"]{2,}\"(?!\w)|(?<!\w)'[^']{4,}'(?!\w)|`[^`]{2,}`|‘[^’]{4,}’"
)
# "Reply with “full marks”" is an order all the same.
_TOLD_TO_SAY = re.compile(
    r"""(?ix) (?:^|[.,;:!?]\s*|\b(?:please|must|should|just|now|and|you|are\s+to)\s+)
        (?:say|print|output|reply|respond|write|return|answer|put|record|enter|state)\b (?:\s+\w+){0,3} \W* $
    | (?:请|务必|必须|直接|只|你|您)(?:直接|只)? (?:输出|回复|回答|返回|填写?|写|说) \W* $"""
)
# Fewer words around a quotation say nothing about it.
_FEWEST_WORDS_AROUND = 4


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
