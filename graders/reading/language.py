"""Language of a text, by its words: Chinese full of English terms is Chinese, English that quotes Chinese is not."""

from __future__ import annotations

import re

from .chinese_script import HAN, simplify
from .markup import read_markup

_HAN_CHARACTER = re.compile(f"[{HAN}]")
_LATIN_WORD = re.compile(r"[A-Za-z\u00c0-\u024f][\w'’]*")
# They count so much that Japanese and Korean are not Chinese.
_KANA_OR_HANGUL = re.compile(r"[\u3040-\u30ff\uac00-\ud7af\u1100-\u11ff]")
# Words of grammar: terms are borrowed, grammar is not.
_CHINESE_GRAMMAR = re.compile(
    r"[加减换改调降升开关看设](?=\s?[A-Za-z])|[的了是在和与或而也就都把被对为以从到会能可要有这那它不并用让等着过吗呢吧给将再还很更做里只先后时个跑存成]"
)
# Marks that an English keyboard does not have.
_CHINESE_MARK = re.compile("[，。、；：？！]")
_ENGLISH_GRAMMAR = re.compile(
    r"""(?ix)\b(?:the|an?|is|are|was|were|be|been|of|to|in|on|at|by|for|from|with|as|and|or|but|if|that|which|this|these
    |it|its|they|we|you|i|not|no|can|could|will|would|should|do|does|did|has|have|had|when|while|so|than|then|because)\b"""
)
# In words; a Chinese word has about two characters.
_HAN_WEIGHT, _CHINESE_GRAMMAR_WEIGHT, _CHINESE_MARK_WEIGHT, _ENGLISH_GRAMMAR_WEIGHT = 0.75, 3, 1.5, 2
_KANA_WEIGHT = 2


def detect_language(text: str) -> str:
    """`zh` if the words of the text are Chinese rather than others, else `en`; words of grammar count most."""
    seen = read_markup(text)
    simplified = simplify(seen.text if seen else text)
    han = len(_HAN_CHARACTER.findall(simplified))
    if not han:
        return "en"
    chinese = _HAN_WEIGHT * han + _CHINESE_GRAMMAR_WEIGHT * len(_CHINESE_GRAMMAR.findall(simplified))
    chinese += _CHINESE_MARK_WEIGHT * len(_CHINESE_MARK.findall(simplified))
    other = len(_LATIN_WORD.findall(simplified)) + _KANA_WEIGHT * len(_KANA_OR_HANGUL.findall(simplified))
    other += _ENGLISH_GRAMMAR_WEIGHT * len(_ENGLISH_GRAMMAR.findall(simplified))
    return "zh" if chinese >= other else "en"
