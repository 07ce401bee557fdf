"""Tells sentences that can be meant for a reader from formulas and headings, which the classifier takes for orders."""

from __future__ import annotations

import re

_OTHER_SCRIPT = re.compile(r"[\u0370-\u1fff\u3040-\u30ff\uac00-\ud7af]")
# Words of other languages, and Latin letters with marks.
_OTHER_LANGUAGE = re.compile(
    r"""(?ix) (?-i:[\u00df-\u024f\u1e00-\u1eff])
    | \b(?: der|die|das|und|ist|nicht|dem|den|gab|eine?[rnms]?|diese[rsn]?|bitte|ich|le|la|les|des|du|une|est|et|cette
        |pour|je|vous|el|los|las|del|una|esta|por|para|que|com|um|uma|os|il|gli|questa|che|per|di|een|het|van|deze|ik
        |jest|nie|bir|ve|bu|yang|dan|ini|untuk|saya|och|att|cho )\b"""
)
_FEWEST_FOREIGN_WORDS = 2
_ON_GRADES = re.compile(
    r"""(?ix) \b(?: scor(?:e[ds]?|ing|er) | grad(?:e[ds]?|ing|ers?) | marks? | mark(?:ed|ing|er) | rubrics? | evaluat\w+
        | judg\w+ | candidates? | applicants? | hir(?:e|ed|ing) | review\w* | points | exams? | examin\w*
        | interview\w* | criteri\w+ | verdict | credit | answers? | responses? | instructions? | prompts? | mercy
        | reference | fail(?:ed|ing)? | pass(?:ed|ing)? | recruit\w* | assess\w* | rat(?:e[ds]?|ing) | maximum | highest
        | deserv\w+ | approv\w+ | recommend\w* | outstanding | flawless | perfect | qualified | tens? )\b
    | 分(?![析布成为割类配层组解支开区散子母页片别离]) | 评 | 判[分定卷] | 阅卷 | 通过 | 答案 | 回答 | 作答 | 候选人
    | 考生 | 面试官 | 考官 | 老师 | 录用 | 要点 | 指令 | 满足"""
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


def is_in_trained_language(sentence: str) -> bool:
    """Whether a sentence is Chinese or English: of other languages the classifier has seen few honest sentences."""
    return not _OTHER_SCRIPT.search(sentence) and len(_OTHER_LANGUAGE.findall(sentence)) < _FEWEST_FOREIGN_WORDS


# Hashed into the revision of the screening.
RULES = tuple(pattern.pattern for pattern in (_OTHER_SCRIPT, _OTHER_LANGUAGE, _ON_GRADES, _TO_SOMEBODY))
