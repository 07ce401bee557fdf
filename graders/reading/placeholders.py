"""Placeholders that stand for a missing answer, and error values in which a spreadsheet lost one."""

from __future__ import annotations

import re
from collections.abc import Sequence

from . import normal_text
from .terms import terms

# Data sets, forms and programs write these where an answer is missing.
_PLACEHOLDER = re.compile(
    r"""(?ix) \W* (?:
      (?:no|empty|blank|missing|null) \s+ (?:response|submission|answer|attempt|reply|value|data|input|text)
        (?:\s+(?:was\s+)?(?:given|provided|submitted|made|recorded|available))?
    | (?:not|never|did\s+not|didn['’]?t)
        \s+ (?:answer(?:ed)?|submit(?:ted)?|attempt(?:ed)?|provided|available|applicable)
    | left \s+ (?:blank|empty) | (?:question\s+)? skipped | skip | unanswered | blank | empty | missing | pass
    | n \W? / \W? a | n\.?a\.? | none | null | nil | nan | nothing | undefined | void
    | tb[dac] | to\s+be\s+(?:done|determined) | todo
    | (?:该|此|本)?题?\s*(?:未|没有|没)(?:作答|回答|提交|填写|填|答|做|写)(?:此题|该题|这题)?
    | (?:暂|暂时|尚|还)?(?:无|没有|缺)(?:作答|回答|应答|答案|内容|数据|意见|补充)?
    | 空(?:白|着|题|缺|值)? | 暂缺 | 不适用 | 不详 | 待定 | 待补充? | 略过? | 跳过
    | 缺考 | 缺答 | 弃权 | 弃答 | 放弃(?:作答|回答|答题)?
    ) \W*"""
)
_ERROR_VALUE = re.compile(
    r"""(?ix) \s* \# (?: n/a | name\? | ref! | value! | div/0! | num! | null! | spill! | calc! | field! | blocked!
    | busy! | connect! | unknown! | python! | getting_data | error! | nv | wert! | bezug! | zahl! | nombre\? | valeur!
    ) \s*"""
)
# These are an answer if the question asks whether there is something.
_NOTHING = re.compile(r"(?i)\W*(?:无|没有|空|none|nothing|null|nil|void|undefined)\W*")
_ASKS_WHETHER = re.compile(r"(?i)是否(?:有|存在|需要)|有没有|有无|吗\s*[?？]|\b(?:is|are|was|were)\s+there\s+any?\b")
# Hashed into the revision of the screening.
RULES = tuple(pattern.pattern for pattern in (_PLACEHOLDER, _ERROR_VALUE, _NOTHING, _ASKS_WHETHER))


def is_placeholder(answer: str, question: str = "", key: Sequence[str] = ()) -> bool:
    """Whether the answer is nothing but a mark for a missing answer, such as "No response" or 未作答.

    It is an answer if the question or its `key` says the same ("None", NULL, 没有), or if it says that there is nothing
    and the question asks whether there is something.
    """
    if not _PLACEHOLDER.fullmatch(answer) or _is_asked_for(answer, [question, *key]):
        return False
    return not (_NOTHING.fullmatch(answer) and _ASKS_WHETHER.search(question))


def is_mark(text: str) -> bool:
    """Whether a text is a mark for something missing, such as "n/a" or 空白, whatever was asked."""
    return _PLACEHOLDER.fullmatch(text) is not None


def is_error_value(answer: str) -> bool:
    """Whether the answer is an error value of a spreadsheet, such as `#REF!`: what was written is lost."""
    return bool(_ERROR_VALUE.fullmatch(answer))


def _is_asked_for(answer: str, key: Sequence[str]) -> bool:
    said = normal_text.words(answer)
    if all(map(normal_text.has_han, said)):
        # 无 alone is an answer if a clause of the key is 无.
        return any(said == normal_text.words(clause) for text in key for clause in re.split(r"[\W]+", text))
    if not terms(answer):
        return any(f" {' '.join(said)} " in f" {' '.join(normal_text.words(text))} " for text in key)
    return terms(answer) <= frozenset().union(*map(terms, key))
