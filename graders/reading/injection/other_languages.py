"""Orders to a grader in languages other than Chinese and English, by a few words of each."""

from __future__ import annotations

import re

from .patterns import read_words

_OTHER_SCRIPT = re.compile(r"[\u0370-\u1fff\u3040-\u30ff\uac00-\ud7af]")
# Words of other languages, and Latin letters with marks.
_OTHER_LANGUAGE = re.compile(
    r"""(?ix) (?-i:[\u00df-\u024f\u1e00-\u1eff])
    | \b(?: der|die|das|und|ist|nicht|dem|den|gab|eine?[rnms]?|diese[rsn]?|bitte|ich|le|la|les|des|du|une|est|et|cette
        |pour|je|vous|el|los|las|del|una|esta|por|para|que|com|um|uma|os|il|gli|questa|che|per|di|een|het|van|deze|ik
        |jest|nie|bir|ve|bu|yang|dan|ini|untuk|saya|och|att|cho )\b"""
)
_ENGLISH_OR_CHINESE = re.compile(
    r"(?i)\b(?:the|an?|is|are|of|and|to|for|with|be|this|that|it|you|my|your|or|by|on|at|we)\b|[\u4e00-\u9fff]"
)
_FEWEST_FOREIGN_WORDS = 2
_FEWEST_WORDS = 3


def is_in_trained_language(sentence: str) -> bool:
    """Whether a sentence is Chinese or English: of other languages the classifier has seen few honest sentences."""
    return not _OTHER_SCRIPT.search(sentence) and len(_OTHER_LANGUAGE.findall(sentence)) < _FEWEST_FOREIGN_WORDS


def demands_grade(sentence: str) -> bool:
    """Whether a sentence in another language orders a good grade, without a doubt."""
    return _is_other(sentence) and _orders(sentence) and _has("grading", sentence) and _has("goal", sentence)


def may_demand_grade(sentence: str) -> bool:
    """Whether a sentence in another language orders something that may be a good grade."""
    return _is_other(sentence) and _orders(sentence) and (_has("grading", sentence) or _has("goal", sentence))


def is_told(sentence: str) -> bool:
    """Whether a sentence in another language tells of the past or of others, or has no order and no goal."""
    return _has("report", sentence) or not (_has("order", sentence) or _has("goal", sentence))


def _is_other(sentence: str) -> bool:
    if not is_in_trained_language(sentence):
        return True
    return len(sentence.split()) >= _FEWEST_WORDS and not _ENGLISH_OR_CHINESE.search(sentence)


def _orders(sentence: str) -> bool:
    return _has("order", sentence) and not _has("report", sentence)


def _has(kind: str, sentence: str) -> bool:
    return bool(read_words()[kind].search(sentence))


# Hashed into the revision of the screening.
RULES = tuple(pattern.pattern for pattern in (_OTHER_SCRIPT, _OTHER_LANGUAGE, _ENGLISH_OR_CHINESE))
