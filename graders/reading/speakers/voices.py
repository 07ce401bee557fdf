"""Signs of two voices in lines that name no speaker: questions to somebody, acknowledgements, dashes in subtitles."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence

from .lines import Line
from .stamps import ANY_STAMP, ARROW

_ACKNOWLEDGES = re.compile(
    r"""(?xi) \W* (?: (?: mm+-?\ ?hm+ | mhm+ | uh-?\ ?huh | got\ it | i\ see | go\ (?:ahead|on)
    | sure(?:\ thing)? | perfect | thanks | thank\ you(?:\ (?:very|so)\ much)? | of\ course
    | sounds\ good | makes\ sense | (?:very\ )?good | great
    | next(?:\ (?:one|question))? | exactly | correct | interesting | let['’]?s\ (?:start|begin|go)
    | okay | ok | right | yes | yeah | yep | no | so | and | please | fine | alright | all\ right
    | 好+的 | 好(?:吧|啊|呀|嘞) | 明白了? | 了解了? | 知道了 | 没错 | 谢谢[您你]? | 请[讲说]?(?:吧)? | 请?继续 | 没问题
    | 可以了? | 下一[题个](?:问题)? | 不错 | 嗯+ | 对+ | 是的? | 哦+ | 行 | 好+ ) \b \W* )+"""
)
# A speaker says these to think, too.
_HESITATES = re.compile(
    r"(?i)\W*(?:(?:okay|ok|right|yes|yeah|no|so|and|fine|alright|all right|嗯+|对+|是的?|哦+|行|好+)\b\W*)+"
)
_ADDRESSES = re.compile(
    r"""(?xi) \W* (?: (?:so|and|okay|ok|now|well|great|then|next|thanks|alright|hi|hello|hey)\W+ ){0,3} (?:
      (?: (?:can|could|would|will|do|did|have|are|were)\ you
      | (?:what|why|how)\ (?:would|did|was|were|are)\ (?:you|your)
      | what(?:['’]s|\ is)\ your | (?:please\ )?(?:tell\ me|walk\ me|describe\ your|explain\ to\ me) | next\ question
      | let\ me\ ask | my\ (?:next|first|last|second)\ question ) \b
    | (?:那|好的?|嗯|然后|接下来|现在)?[,，、]?\s?(?:请[你您]?
      | [你您](?:能不?能?|可以|可否|觉得|怎么|知道|会|对|是否|有没有)
      | 能不?能?(?:说|讲|介绍|解释|具体) | (?:下一|第[一二三四五])个?(?:题|问题) | 我们?(?:来)?问 | 想问
      | (?:讲讲|说说|谈谈|聊聊|介绍一?下) ) )"""
)
_ASKS = re.compile(
    r"""(?xi) .*[?？]\W* | .*[吗呢]\W*
    | \W* (?:(?:so|and|okay|ok|now|well|great|then|alright)\W+){0,3}
        (?:what|why|how|when|where|which|who)\ (?:is|are|do|does|did|would|can)\b .*"""
)
_QUESTION_WORD = re.compile(
    r"怎么|什么|[啥咋]|如何|为何|哪[些个种]|多少|几[个种次]|是否|有没有|是不是|会不会|能不能|[吗呢]\s*$"
)
_TIME_IN_FRONT = re.compile(rf"{ANY_STAMP}\s+")
_SPEAKS_TO = re.compile(r"(?i)\b(?:I|me|my|you|your)\b|[我你您]")
# Captions of broadcasts mark a change of speakers so.
_CHANGE = re.compile(r"\s*>>(?!>)")
_DASH = re.compile(r"\s*[-–—]\s?(?=\S)")
# In signs; what one voice may say alone does not reach them.
_ENOUGH, _MOST_OF_WEAK_SIGNS = 2.0, 1.5
_STAMPED_SHARE = 0.6
_QUESTION_SHARE = 1 / 3


def has_two_voices(text: str, lines: Sequence[Line]) -> bool:
    """Whether lines with times beside them, none of which names a speaker, are likely words of two people."""
    said = [line for line in lines if not line.is_silent and line.said < line.last]
    changes = [text[match.end() : line.last] for line in said if (match := _CHANGE.match(text, line.start, line.last))]
    if len(changes) >= 2 and any(map(is_request, map(str.strip, changes))):
        return True
    stamped = [line for line in said if line.is_continued or _TIME_IN_FRONT.match(text, line.start, line.end)]
    if len(said) < 2 or len(stamped) < _STAMPED_SHARE * len(said):
        return False
    parts = [_TIME_IN_FRONT.sub("", text[line.said : line.last].strip()) for line in said]
    has_cues = any(line.is_silent and ARROW.fullmatch(text, line.start, line.end) for line in lines)
    if has_cues and sum(bool(_DASH.match(part)) for part in parts) >= 2:
        return True
    # An answer may begin with "Okay."
    return _count_signs(parts[1:], parts[0]) >= _ENOUGH or _alternates(parts)


def is_request(said: str) -> bool:
    """Whether words ask somebody to say something, with or without a question mark."""
    return bool(_ADDRESSES.match(said) or _ASKS.fullmatch(said))


def has_question_word(said: str) -> bool:
    """Whether Chinese words ask without a question mark."""
    return bool(_QUESTION_WORD.search(said))


def is_talk(said: str) -> bool:
    """Whether words speak of oneself or to somebody, or acknowledge what somebody said."""
    return bool(is_request(said) or _SPEAKS_TO.search(said) or _ACKNOWLEDGES.match(said))


def _count_signs(parts: Sequence[str], first: str) -> float:
    strong, weak = float(bool(_ADDRESSES.match(first))), 0.5 * bool(_ASKS.fullmatch(first))
    for part in parts:
        if _HESITATES.fullmatch(part):
            weak += 0.5
        elif _ACKNOWLEDGES.fullmatch(part) or _ADDRESSES.match(part):
            strong += 1
        elif _ASKS.fullmatch(part):
            weak += 0.5
    return strong + min(weak, _MOST_OF_WEAK_SIGNS)


def _alternates(parts: Sequence[str]) -> bool:
    """Whether at least two questions each have an answer, and nothing much is said between."""
    asks = [bool(_ASKS.fullmatch(part)) for part in parts]
    answered = sum(asked and not after for asked, after in itertools.pairwise(asks))
    return answered >= 2 and answered >= _QUESTION_SHARE * len(parts)
