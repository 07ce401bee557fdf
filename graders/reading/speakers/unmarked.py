"""Talk whose speakers no label tells: lines with dialogue dashes, and replies in quotation marks."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence

from .lines import Line

_DASH = re.compile(r"\s*[-–—]{1,2}\s?(?=[^\s\d-])")
_QUOTED = re.compile(r"「[^「」]+」|『[^『』]+』|“[^“”]+”|\"[^\"\n]+\"")
_ASKS = re.compile(r".*(?:[?？]|[吗呢])[\"'”’)）」』\s]*", re.DOTALL)
_REPLIES = re.compile(
    r"""(?xi) \W* (?: (?: yeah | yes | yep | no | nope | right | exactly | sure | okay | ok | well | hmm+ | mm+
    | uh | um | i | i['’](?:d|m|ll|ve) | my | maybe | probably | true | correct | of\ course | honestly | good | thanks
    | (?:then|so|but)\ (?:i|you|we)(?:['’]\w+)? )\b
    | 嗯 | 对 | 是[的啊呀，。] | 不是 | 不 | 好 | 我 | 可以 | 会的 | 没有 | 有的
    | 应该 | 大概 | 那我? | 其实 | 哦 | 呃 )"""
)
_SPEAKS_TO = re.compile(
    r"(?i)\b(?:you|your)(?:['’]\w+)?\b|[你您]|^\W*(?:(?:so|and|but|okay|right)\b|what if|how about|那|然后|所以|如果)"
)
_LEAST_TURNS, _LEAST_QUESTIONS = 4, 2
_DASHED_SHARE, _QUOTED_SHARE = 0.8, 0.7


def is_unmarked_talk(text: str, lines: Sequence[Line]) -> bool:
    """Whether dashes or quotation marks part questions to somebody from the replies to them."""
    said = [text[line.start : line.last] for line in lines if not line.is_silent and line.said < line.last]
    dashed = [part[match.end() :].strip() for part in said if (match := _DASH.match(part))]
    if dashed and len(dashed) >= _DASHED_SHARE * len(said) and _is_talk(dashed):
        return True
    quoted = _QUOTED.findall(text)
    length = sum(len("".join(part.split())) for part in quoted)
    return length >= _QUOTED_SHARE * len("".join(text.split())) and _alternates([part[1:-1] for part in quoted])


def _is_talk(parts: Sequence[str]) -> bool:
    """Whether questions have replies, someone is addressed, and someone replies for himself."""
    asked = [part for part in parts if _ASKS.fullmatch(part)]
    replied = [part for part in parts if not _ASKS.fullmatch(part)]
    speaks_to, replies = any(map(_SPEAKS_TO.search, asked)), any(map(_REPLIES.match, replied))
    return _alternates(parts) and speaks_to and replies


def _alternates(parts: Sequence[str]) -> bool:
    """Whether there are four parts, and at least two questions that each have a reply."""
    asks = [bool(_ASKS.fullmatch(part)) for part in parts]
    answered = sum(asked and not after for asked, after in itertools.pairwise(asks))
    return len(parts) >= _LEAST_TURNS and answered >= _LEAST_QUESTIONS
