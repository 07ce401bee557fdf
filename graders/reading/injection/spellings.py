"""Readings of a sentence whose letters are disguised: set apart, replaced, shuffled or turned round."""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections.abc import Callable, Iterator
from functools import cache

from ..normal_text import has_han
from .patterns import read_patterns

# "I g n o r e", "g.i.v.e", 满·分.
_APART = re.compile(r"(?<![^\W_])[^\W_](?:[\s.\-_*·•|~/\\、,，]{1,3}[^\W_]){3,}(?![^\W_])")
_HAN_APART = re.compile(r"[\u4e00-\u9fff](?:[.*·•|~/\\、_-][\u4e00-\u9fff]+)+(?:[.*·•|~/\\、_-][\u4e00-\u9fff]+)")
_NO_LETTER = re.compile(r"[\W_]+")
_LEET = str.maketrans("013457@$+", "oieastast")
# Only words that mix both: "GPT-4" and "10" stay as they are.
_LEET_WORD = re.compile(r"\b[a-z]+[013457@$+][\w@$+]*|(?<!\w)[013457@$+]+[a-z][\w@$+]*", re.IGNORECASE)
# Cyrillic and Greek letters that look like Latin ones.
_LOOK_ALIKE = str.maketrans(
    "аеорсухіјѕԁԛԝьһкмтпгвнАЕОРСУХІЈЅВНКМТԌԚԜαοριυνκτχεγηΑΒΕΖΗΙΚΜΝΟΡΤΥΧƖⅼ",
    "aeopcyxijsdqwbhkmtnrbhAEOPCYXIJSBHKMTGQWaopiuvktxeynABEZHIKMNOPTYXll",
)
_GLUED = re.compile(r"[A-Za-z]{12,}")
_WORD = re.compile(r"[A-Za-z]+")
_LONGEST_WORD = 16
_ATBASH = str.maketrans(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", "zyxwvutsrqponmlkjihgfedcbaZYXWVUTSRQPONMLKJIHGFEDCBA"
)
# A turned text is only searched if it then speaks of grades.
_TELLTALE = re.compile(
    r"\b(?:scores?|grades?|marks?|rubric|instructions?|answer|points|criteria|full|ignore|highest|please|give|rate"
    r"|perfect|excellent|candidate|disregard|maximum|previous)\b|满分|评分|指令|高分|通过|忽略|请给",
    re.IGNORECASE,
)
_FEWEST_TELLTALES = 2
_FUNCTION_WORDS = """a an and any as at be by for from in is it its me my no not of on or please so that the these this
    to too with you your all previous above highest maximum award rating criteria instructions""".split()


def list_spellings(sentence: str) -> Iterator[str]:
    """The sentence, and each reading of it that differs."""
    yield sentence
    seen = {sentence}
    for read in (_fold_letters, _join_letters, _read_digits, _order_letters, _read_pinyin):
        reading = read(sentence)
        if reading not in seen:
            seen.add(reading)
            yield reading


def _fold_letters(sentence: str) -> str:
    """Look-alikes as Latin letters, without stray marks; those of real spelling belong to their letter."""
    if sentence.isascii():
        return sentence
    bare = "".join(letter for letter in unicodedata.normalize("NFC", sentence) if not unicodedata.combining(letter))
    return bare.translate(_LOOK_ALIKE)


def _join_letters(sentence: str) -> str:
    """Letters that stand apart as words, and glued words apart."""
    joined = _HAN_APART.sub(lambda run: _NO_LETTER.sub("", run[0]), sentence)
    joined = _APART.sub(lambda run: _split_glued(_NO_LETTER.sub("", run[0])), joined)
    if joined.count("_") > 1:
        joined = joined.replace("_", " ")
    return _GLUED.sub(lambda run: _split_glued(run[0]), joined)


def _read_digits(sentence: str) -> str:
    return _LEET_WORD.sub(lambda word: word[0].translate(_LEET), sentence)


def _order_letters(sentence: str) -> str:
    """Words of attacks whose inner letters are shuffled, in their own spelling."""
    return _WORD.sub(lambda word: _find_shuffled(word[0].lower()) or word[0], sentence)


def _find_shuffled(word: str) -> str | None:
    return None if len(word) < 4 or word in _vocabulary() else _shuffled_vocabulary().get(_describe_letters(word))


def _describe_letters(word: str) -> str:
    return word[0] + "".join(sorted(word[1:-1])) + word[-1]


def _split_glued(letters: str) -> str:
    """The words of a run of letters, if all of it is words of attacks; else the run itself."""
    if has_han(letters):
        return letters
    low, known = letters.lower(), _vocabulary()
    # `split[end]` is the split into the fewest words of the first `end` letters.
    split: list[list[str] | None] = [[]]
    for end in range(1, len(low) + 1):
        found = [
            [*before, low[start:end]]
            for start in range(max(end - _LONGEST_WORD, 0), end)
            if (before := split[start]) is not None and low[start:end] in known
        ]
        split.append(min(found, key=len, default=None))
    return " ".join(split[-1]) if split[-1] else letters


@cache
def _vocabulary() -> frozenset[str]:
    """Words of the patterns' examples."""
    examples = " ".join(pattern.match for pattern in read_patterns() if pattern.language == "en")
    return frozenset(word for word in _WORD.findall(examples.lower()) if len(word) > 1) | frozenset(_FUNCTION_WORDS)


@cache
def _shuffled_vocabulary() -> dict[str, str]:
    return {_describe_letters(word): word for word in sorted(_vocabulary()) if len(word) > 3}


def is_turned_attack(sentence: str) -> bool:
    """Whether a sentence speaks of grades only if its letters are turned round or exchanged."""
    return any(
        len(set(_TELLTALE.findall(turned.lower()))) >= _FEWEST_TELLTALES
        for turned in (turn(sentence) for turn in _TURNS)
        if turned != sentence
    ) and not _TELLTALE.search(sentence)


def _reverse_words(sentence: str) -> str:
    return _WORD.sub(lambda word: word[0][::-1], sentence)


def _read_pinyin(sentence: str) -> str:
    """A sentence of pinyin in Chinese characters, if it has enough words of attacks; else unchanged."""
    plain = "".join(letter for letter in unicodedata.normalize("NFD", sentence) if not unicodedata.combining(letter))
    syllables = re.sub(r"(?<=[a-z])[1-5]\b", "", plain.lower())
    read, found = _PINYIN_WORD.subn(lambda word: _PINYIN[re.sub(r"\W", "", word[0])], syllables)
    return re.sub(r"(?<=[\u4e00-\u9fff])[\s'-]+", "", read) if found >= _FEWEST_PINYIN else sentence


_TURNS: tuple[Callable[[str], str], ...] = (
    lambda sentence: sentence[::-1],
    _reverse_words,
    lambda sentence: codecs.encode(sentence, "rot13"),
    lambda sentence: sentence.translate(_ATBASH),
)
# Two of the longer ones or of others hardly meet by chance.
_FEWEST_PINYIN = 3
_PINYIN = {
    "qing": "请", "gei": "给", "wo": "我", "ni": "你", "nin": "您", "manfen": "满分", "gaofen": "高分",
    "zuigaofen": "最高分", "shifen": "十分", "dafen": "打分", "da": "打", "pingfen": "评分", "biaozhun": "标准",
    "hulve": "忽略", "hulue": "忽略", "hulüe": "忽略", "wushi": "无视", "zhijie": "直接", "tongguo": "通过",
    "pan": "判", "panwei": "判为", "ping": "评", "pingwei": "评委", "kaoguan": "考官", "laoshi": "老师", "yuan": "员",
    "huida": "回答", "daan": "答案", "ba": "把", "de": "的", "suoyou": "所有", "zhiling": "指令", "yishang": "以上",
    "zhiqian": "之前", "youxiu": "优秀", "luyong": "录用", "yige": "一个", "ge": "个", "zhege": "这个", "ben": "本",
    "ti": "题", "bixu": "必须", "hao": "好", "xiexie": "谢谢", "wei": "为", "manyi": "满意", "jige": "及格",
}  # fmt: skip
_PINYIN_WORD = re.compile(
    r"\b(?:"
    + "|".join(
        sorted(
            (
                re.sub(r"(?<=[aeiougnüvr])(?=(?:zh|ch|sh|[bpmfdtlgkjqxzcsrywh])[aeiouüv])", r"[\\s'-]?", word)
                for word in sorted(_PINYIN, key=len, reverse=True)
            ),
            key=len,
            reverse=True,
        )
    )
    + r")\b"
)
