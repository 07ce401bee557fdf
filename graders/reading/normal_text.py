"""Answers as text: one normal form for every grader, with a way back to the candidate's own characters.

Graders read the normal form; a report quotes the raw answer. `NormalText.raw_span` leads from one to
the other, in code points.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

from opencc import OpenCC

# Full-width Chinese punctuation keeps its form: it carries sentence ends, and people read it in prompts.
_KEPT = frozenset("，。！？；：（）“”‘’、《》【】…—～")
_INVISIBLE_CATEGORIES = frozenset({"Cf", "Co", "Cn", "Cc", "Cs"})
# Fillers that render as nothing although Unicode calls them letters, and the variation selectors.
_INVISIBLE = frozenset("\u115f\u1160\u3164\uffa0\u034f\u17b4\u17b5") | {
    chr(c) for c in (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))
}
_HAN = r"\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_HAN_PATTERN = re.compile(f"[{_HAN}]")
_SENTENCE_END = re.compile(
    r"""[。！？；]+[”’）】]* | [!?]+["'”’)\]]* | \.+["'”’)\]]*(?=\s|$) | ;(?=\s) | \n+""", re.VERBOSE
)
_LONGEST_SENTENCE = 600
_ABBREVIATION = re.compile(r"(?:\b(?:e\.g|i\.e|etc|vs|cf|fig|no|dr|mr|ms)|\s[A-Z])\.$", re.IGNORECASE)

_ASCII_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")
_RUN = re.compile(r"\s+|\S+")
_LINE_BREAKS = "\n\r\x0b\x0c"
_SENTENCE_NUMBER = re.compile(r"\[\d{1,3}\]")
# Marks that writers, keyboards and models use for one another; the last two stand in for our fence.
_ONE_SPELLING = {
    **dict.fromkeys("“”„«»「」『』", '"'),
    **dict.fromkeys("‘’‚′`", "'"),
    **dict.fromkeys("–—−", "-"),
    "。": ".",
    "，": ",",
    "、": ",",
    "；": ";",
    "：": ":",
    "！": "!",
    "？": "?",
    "（": "(",
    "）": ")",
    "[": "(",
    "]": ")",
    "【": "(",
    "】": ")",
    "‹": "<",
    "›": ">",
}

# Words that carry no substance; an overlap in them says nothing.
STOP_WORDS = frozenset(
    """a an and are as at be because been but by can could do does for from has have how if in into is it its more
    most not of on or our so such than that the their them then there these they this to too use used uses using was
    we what when where which while who why will with would you your also both each many much only same very via like
    one two make makes made give gives given get gets say says answer
    的 了 是 在 和 与 或 而 及 也 就 都 把 被 对 为 以 从 到 中 上 下
    会 能 可 要 有 这 那 它 其 不 个 并 用 使 让 来 去 等 如""".split()
)


class _Simplified(dict[int, str]):
    """A table for `str.translate` from traditional Chinese characters to simplified ones, one for one, by OpenCC."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        found = _converter().convert(character) if has_han(character) else character
        # One that became two would move all places behind it.
        self[code] = found if len(found) == 1 else character
        return self[code]


_SIMPLIFIED = _Simplified()


@cache
def _converter() -> OpenCC:
    return OpenCC("t2s")


@dataclass(frozen=True)
class NormalText:
    """Text in normal form.

    `starts[i]` and `ends[i]` bound, in code points of the raw text, what character `i` came from.
    `hidden` counts invisible characters that were left out (zero-width, bidirectional controls, tags).
    """

    text: str
    starts: tuple[int, ...]
    ends: tuple[int, ...]
    hidden: int

    def raw_span(self, start: int, end: int) -> tuple[int, int]:
        """Bounds in the raw text of `text[start:end]`; raises ValueError for an empty span."""
        if not 0 <= start < end <= len(self.text):
            raise ValueError(f"no characters between {start} and {end}")
        return self.starts[start], self.ends[end - 1]


@lru_cache(maxsize=128)
def normalise(raw: str) -> NormalText:
    """The normal form of an answer.

    Compatibility forms are folded (full-width letters, ligatures, mathematical alphabets: NFKC), traditional Chinese
    characters made simplified ones, invisible characters left out, runs of blanks made one, and blank ends trimmed;
    line breaks stay.
    """
    if raw.isascii() and not _ASCII_CONTROL.search(raw):
        return _normalise_plain(raw)
    characters: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    hidden = 0
    position = 0
    while position < len(raw):
        end = position + 1
        while end < len(raw) and unicodedata.combining(raw[end]):
            end += 1
        piece = raw[position:end]
        for character in _fold(piece):
            if character == " " and (not characters or characters[-1] in " \n"):
                continue
            if character == "\n":
                while characters and characters[-1] == " ":
                    characters.pop(), starts.pop(), ends.pop()
                if not characters or characters[-1] == "\n":
                    continue
            characters.append(character)
            starts.append(position)
            ends.append(end)
        hidden += sum(_is_invisible(character) for character in piece)
        position = end
    while characters and characters[-1] in " \n":
        characters.pop(), starts.pop(), ends.pop()
    return NormalText("".join(characters), tuple(starts), tuple(ends), hidden)


def answer_hash(raw: str) -> str:
    """SHA-256 (64 hex digits) of an answer in normal form: what decides whether two are the same."""
    return hash_normal(normalise(raw))


def hash_normal(normal: NormalText) -> str:
    """SHA-256 (64 hex digits) of a text in normal form."""
    return hashlib.sha256(normal.text.encode("utf-8")).hexdigest()


def _normalise_plain(raw: str) -> NormalText:
    """The same for ASCII, where only blanks can change."""
    pieces: list[str] = []
    places: list[int] = []
    for match in _RUN.finditer(raw.rstrip()):
        run, start = match.group(), match.start()
        if not run[0].isspace():
            pieces.append(run)
            places.extend(range(start, match.end()))
        elif pieces:
            break_at = next((at for at, character in enumerate(run) if character in _LINE_BREAKS), None)
            pieces.append(" " if break_at is None else "\n")
            places.append(start + (break_at or 0))
    return NormalText("".join(pieces), tuple(places), tuple(place + 1 for place in places), 0)


def split_sentences(text: str) -> list[tuple[int, int]]:
    """Bounds of the sentences of a text, Chinese or English, in order, without surrounding blanks."""
    bounds: list[tuple[int, int]] = []
    start = 0
    for match in _SENTENCE_END.finditer(text):
        if match.group().startswith(".") and _ABBREVIATION.search(text[start : match.start() + 1]):
            continue
        bounds.append((start, match.end()))
        start = match.end()
    bounds.append((start, len(text)))
    pieces = (piece for low, high in bounds for piece in _break_up(text, low, high))
    trimmed = (_trim(text, low, high) for low, high in pieces)
    return [(low, high) for low, high in trimmed if low < high and _has_word(text[low:high])]


def has_han(text: str) -> bool:
    """Whether the text has a Chinese character."""
    return bool(_HAN_PATTERN.search(text))


def detect_language(text: str) -> str:
    """`zh` when at least a fifth of the letters are Chinese characters, else `en`."""
    han = len(_HAN_PATTERN.findall(text))
    letters = sum(character.isalpha() for character in text)
    return "zh" if han and han * 5 >= letters else "en"


def words(text: str) -> list[str]:
    """Lower-case tokens for word overlap: each Chinese character, simplified, is one, as is each run of other letters
    or digits.

    Keeping Chinese characters is what makes ROUGE meaningful for Chinese: the tokenizer that comes
    with rouge-score drops them all.
    """
    return re.findall(rf"[{_HAN}]|[^\W_{_HAN}]+", text.lower().translate(_SIMPLIFIED))


def find_quote(text: str, quote: str) -> tuple[int, int] | None:
    """Bounds of a quote in a text in normal form, or None when it does not stand there.

    Case, kinds of punctuation, blanks other than between words, and numbers of sentences in brackets may
    differ, and quotation marks and dots around the quote do not count; a quote of less than two words,
    or a word of less than three letters, is too little to be evidence.
    """
    wanted = "".join(character for character, _ in _bare(normalise(quote).text)).strip(" \"'.…")
    tokens = words(wanted)
    if not tokens or (len(tokens) == 1 and len(tokens[0]) < 3):
        return None
    letters = _bare(text)
    start = "".join(character for character, _ in letters).find(wanted)
    return (letters[start][1], letters[start + len(wanted) - 1][1] + 1) if start >= 0 else None


def join_spans(spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The spans in order, those that touch or overlap made one."""
    joined: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def _bare(text: str) -> list[tuple[str, int]]:
    """The characters that count when texts are compared, in one spelling, each with its place in the text."""
    blanked = _SENTENCE_NUMBER.sub(lambda found: " " * len(found.group()), text)
    found: list[tuple[str, int]] = []
    is_apart = False
    for place, character in enumerate(blanked):
        if character.isspace():
            is_apart = True
            continue
        if is_apart and found and _is_latin(found[-1][0]) and _is_latin(character):
            found.append((" ", place - 1))
        is_apart = False
        # A character that becomes two in lower case would move all places behind it.
        lower = character.lower()
        found.append((_ONE_SPELLING.get(character, lower if len(lower) == 1 else character), place))
    return found


def _is_latin(character: str) -> bool:
    return character.isalnum() and not has_han(character)


def _fold(piece: str) -> str:
    if piece in _KEPT:
        return piece
    folded = []
    for character in unicodedata.normalize("NFKC", piece).translate(_SIMPLIFIED):
        if character in "\n\r\u2028\u2029\x0b\x0c\x85":
            folded.append("\n")
        elif character.isspace():
            folded.append(" ")
        elif not _is_invisible(character):
            folded.append(character)
    return "".join(folded)


def _is_invisible(character: str) -> bool:
    if character in "\n\r\t\x0b\x0c\x85":
        return False
    return character in _INVISIBLE or unicodedata.category(character) in _INVISIBLE_CATEGORIES


def _trim(text: str, start: int, end: int) -> tuple[int, int]:
    while start < end and text[start].isspace():
        start += 1
    while start < end and text[end - 1].isspace():
        end -= 1
    return start, end


def _break_up(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """A run too long to be one sentence, cut behind commas and blanks where it has any."""
    pieces = []
    while end - start > _LONGEST_SENTENCE:
        limit = start + _LONGEST_SENTENCE
        cut = max(text.rfind(mark, start, limit) for mark in "，,、 ") + 1
        cut = cut if cut > start else limit
        pieces.append((start, cut))
        start = cut
    return [*pieces, (start, end)]


def _has_word(text: str) -> bool:
    return any(character.isalnum() for character in text)
