"""Tells sentences that can be meant for a reader from formulas and headings, which the classifier takes for orders."""

from __future__ import annotations

import re

from .other_languages import is_in_trained_language
from .patterns import read_about_this_answer

_ON_GRADES = re.compile(
    r"""(?ix) \b(?: scor(?:e[ds]?|ing|er) | grad(?:e[ds]?|ing|ers?) | marks? | mark(?:ed|ing|er) | rubrics? | evaluat\w+
        | judg\w+ | candidates? | applicants? | hir(?:e|ed|ing) | review\w* | points | exams? | examin\w*
        | interview\w* | criteri\w+ | verdict | credit | answers? | responses? | instructions? | prompts? | mercy
        | reference | fail(?:ed|ing)? | pass(?:ed|ing)? | recruit\w* | assess\w* | rat(?:e[ds]?|ing) | maximum | highest
        | deserv\w+ | approv\w+ | recommend\w* | outstanding | flawless | perfect | qualified | tens? )\b
    | 分(?![析布成为割类配层组解支开区散子母页片别离]) | 评 | 判[分定卷] | 阅卷 | 通过 | 答案 | 回答 | 作答 | 候选人
    | 考生 | 面试官 | 考官 | 老师 | 录用 | 要点 | 指令 | 满足"""
)
_TO_YOU = re.compile(
    r"(?i)\b(?:you|yours?|please|ignore|disregard|do\s+not|don['’]t)\b|[您请]|务必|必须|忽略"
    r"|(?:^|[，。！？：；,:\s])你|你(?:必须|应|要|就|给|打|会|能|可|们|肯定|一定)|[求帮]你|帮我"
)
_TO_SOMEBODY = re.compile(
    r"""(?ix) \b(?: you | yours? | please | i | my | me | we | us | our | ai | llm | assistant | system | admin | ignore
        | disregard | forget | do\s+not | don['’]t )\b
    | \bthis\s+(?:text|reply|one|person|attempt)\b
    | (?:^|[.,:;!]\s*)(?:output|print|say|return|accept|consider|treat|note|human)\b
    | [你您请我] | 务必 | 必须 | 输出 | 忽略"""
)


def speaks_to_somebody(sentence: str) -> bool:
    """Whether a sentence has a word to or about a person, or one of grades; true for languages that are not read."""
    return bool(_ON_GRADES.search(sentence) or _TO_SOMEBODY.search(sentence)) or not is_in_trained_language(sentence)


def speaks_to_you(sentence: str) -> bool:
    """Whether a sentence speaks to its reader, or of this very answer."""
    return bool(_TO_YOU.search(sentence)) or speaks_of_this_answer(sentence)


def speaks_of_this_answer(sentence: str) -> bool:
    """Whether a sentence names this very answer, its grade or its reader."""
    return bool(read_about_this_answer().search(sentence))


def speaks_of_somebody(sentence: str) -> bool:
    """Whether a sentence has a word to or about a person, or one that orders."""
    return bool(_TO_SOMEBODY.search(sentence))


# Hashed into the revision of the screening.
RULES = tuple(pattern.pattern for pattern in (_ON_GRADES, _TO_YOU, _TO_SOMEBODY))
