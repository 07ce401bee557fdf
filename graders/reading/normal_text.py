"""Normal form of answers: one spelling for every grader, and offsets back to the candidate's own characters.

Graders read the normal form; a report quotes the raw answer. `NormalText.raw_span` maps a span of the normal form to
the raw text. All offsets are in code points. `normalise` is for what a candidate sent, which may be HTML; `fold` is for
text that is none.
"""

from __future__ import annotations

import hashlib
import itertools
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from .chinese_script import HAN, simplify
from .chinese_script import has_han as has_han
from .hidden_text import read_hidden
from .language import detect_language as detect_language
from .markup import read_markup

# Full-width Chinese punctuation marks sentence ends and is read in prompts.
_KEPT = frozenset("，。！？；：（）“”‘’、《》【】…—～")
_INVISIBLE_CATEGORIES = frozenset({"Cf", "Co", "Cn", "Cc", "Cs"})
# Blank-looking letters by Unicode, and the variation selectors.
_INVISIBLE = frozenset("\u115f\u1160\u3164\uffa0\u034f\u17b4\u17b5") | {
    chr(c) for c in (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))
}
_WORD = re.compile(rf"[{HAN}]|[^\W_{HAN}]+")
_SENTENCE_END = re.compile(
    r"""[。！？；]+[”’）】]* | [!?]+["'”’)\]]* | (?<!\.)\.++["'”’)\]]*+(?=\s|$) | ;(?=\s) | \n+""", re.VERBOSE
)
# In characters; a bound on what models get as one sentence.
_LONGEST_SENTENCE = 600
# Only upper-case letters stand for names.
_ABBREVIATION = re.compile(r"(?:\b(?i:e\.g|i\.e|etc|vs|cf|fig|no|dr|mr|ms)|\s[A-Z])\.$")
# In characters; covers every abbreviation with the boundary before it.
_LONGEST_ABBREVIATION = 6

_ASCII_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")
_RUN = re.compile(r"\s+|\S+")
_LINE_BREAKS = "\n\r\x0b\x0c"

# Function words: they carry no substance, so sharing them proves nothing.
STOP_WORDS = frozenset(
    """a an and are as at be because been but by can could do does for from has have how if in into is it its more
    most not of on or our so such than that the their them then there these they this to too use used uses using was
    we what when where which while who why will with would you your also both each many much only same very via like
    one two make makes made give gives given get gets say says answer
    的 了 是 在 和 与 或 而 及 也 就 都 把 被 对 为 以 从 到 中 上 下
    会 能 可 要 有 这 那 它 其 不 个 并 用 使 让 来 去 等 如""".split()
)


@dataclass(frozen=True)
class NormalText:
    """A text in normal form, with the offsets of its characters in the raw text.

    `starts[i]` and `ends[i]` bound the code points of the raw text that character `i` came from; both have the length
    of `text`. `hidden` counts the invisible characters that were removed (zero-width, bidirectional controls, tags),
    `pictures` the pictures and recordings that the text does not tell. `hidden_text` is what the invisible ones spell.
    """

    text: str
    starts: tuple[int, ...]
    ends: tuple[int, ...]
    hidden: int
    pictures: int = 0
    hidden_text: str = ""

    def raw_span(self, start: int, end: int) -> tuple[int, int]:
        """Bounds in the raw text of `text[start:end]`.

        Raises ValueError if the span is empty or outside of the text.
        """
        if not 0 <= start < end <= len(self.text):
            raise ValueError(f"no characters between {start} and {end}")
        return self.starts[start], self.ends[end - 1]


@lru_cache(maxsize=128)
def normalise(raw: str) -> NormalText:
    """The normal form of an answer: of the text that a reader sees, if the answer is HTML or has entities."""
    seen = read_markup(raw)
    if seen is None:
        return fold(raw)
    normal = fold(seen.text)
    return replace(
        normal,
        starts=tuple(seen.starts[start] for start in normal.starts),
        ends=tuple(seen.ends[end - 1] for end in normal.ends),
        pictures=seen.pictures,
    )


def fold(text: str) -> NormalText:
    """The normal form of a text without markup; it is its own normal form.

    Compatibility forms are folded by NFKC (full-width letters, ligatures, mathematical alphabets), traditional Chinese
    characters become simplified ones, and invisible characters are removed. Runs of blanks become one blank, blanks at
    both ends are removed, and line breaks stay.
    """
    if text.isascii() and not _ASCII_CONTROL.search(text):
        return _fold_ascii(text)
    characters: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    for start, end in _list_pieces(text):
        for character in _fold_piece(text[start:end]):
            if character == " " and (not characters or characters[-1] in " \n"):
                continue
            if character == "\n":
                while characters and characters[-1] == " ":
                    characters.pop(), starts.pop(), ends.pop()
                if not characters or characters[-1] == "\n":
                    continue
            characters.append(character)
            starts.append(start)
            ends.append(end)
    while characters and characters[-1] in " \n":
        characters.pop(), starts.pop(), ends.pop()
    hidden = sum(map(_is_invisible, text))
    return NormalText(simplify("".join(characters)), tuple(starts), tuple(ends), hidden, hidden_text=read_hidden(text))


def _list_pieces(text: str) -> Iterator[tuple[int, int]]:
    """Bounds of each character with its combining marks, which NFKC may compose, and the invisible ones between."""
    position = 0
    while position < len(text):
        end = ahead = position + 1
        while ahead < len(text) and (unicodedata.combining(text[ahead]) or _is_invisible(text[ahead])):
            ahead += 1
            # Invisible characters belong to a piece only before a mark.
            end = ahead if unicodedata.combining(text[ahead - 1]) else end
        yield position, end
        yield from ((alone, alone + 1) for alone in range(end, ahead))
        position = ahead


def answer_hash(raw: str) -> str:
    """SHA-256 (64 hex digits) of an answer's normal form; answers with one hash count as the same answer."""
    return hash_normal(normalise(raw))


def hash_normal(normal: NormalText) -> str:
    """SHA-256 (64 hex digits) of a text in normal form."""
    return hashlib.sha256(normal.text.encode("utf-8")).hexdigest()


def _fold_ascii(raw: str) -> NormalText:
    """The normal form of ASCII text, where only blanks can change; the fast path of `fold`."""
    pieces: list[str] = []
    starts: list[int] = []
    for match in _RUN.finditer(raw.rstrip()):
        run, start = match.group(), match.start()
        if not run[0].isspace():
            pieces.append(run)
            starts.extend(range(start, match.end()))
        elif pieces:
            break_at = next((index for index, character in enumerate(run) if character in _LINE_BREAKS), None)
            pieces.append(" " if break_at is None else "\n")
            starts.append(start + (break_at or 0))
    return NormalText("".join(pieces), tuple(starts), tuple(start + 1 for start in starts), 0)


def split_sentences(text: str) -> list[tuple[int, int]]:
    """Bounds of the sentences of a Chinese or English text, in order, without surrounding blanks.

    Pieces without a letter or digit are left out. A sentence of more than 600 characters is cut.
    """
    bounds: list[tuple[int, int]] = []
    start = 0
    for match in _SENTENCE_END.finditer(text):
        before = max(start, match.start() - _LONGEST_ABBREVIATION)
        if match.group().startswith(".") and _ABBREVIATION.search(text[before : match.start() + 1]):
            continue
        bounds.append((start, match.end()))
        start = match.end()
    bounds.append((start, len(text)))
    pieces = (piece for low, high in bounds for piece in _split_long_sentence(text, low, high))
    trimmed = (_trim_blanks(text, low, high) for low, high in pieces)
    return [(low, high) for low, high in trimmed if low < high and _has_word(text[low:high])]


def words(text: str) -> list[str]:
    """Lower-case tokens for word overlap: each Chinese character, simplified, and each run of other letters or digits.

    The tokenizer of rouge-score drops Chinese characters; with these tokens ROUGE also works for Chinese.
    """
    return _WORD.findall(simplify(text.lower()))


def join_spans(spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The spans in order; spans that touch or overlap are merged."""
    joined: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def _fold_piece(piece: str) -> str:
    """A character with its combining marks, folded; empty if it is invisible."""
    if piece in _KEPT:
        return piece
    folded = []
    visible = piece if len(piece) == 1 else "".join(itertools.filterfalse(_is_invisible, piece))
    for character in unicodedata.normalize("NFKC", visible):
        if character in "\n\r\u2028\u2029\x0b\x0c\x85":
            folded.append("\n")
        elif character.isspace():
            folded.append(" ")
        elif not _is_invisible(character):
            folded.append(character)
    return "".join(folded)


def _is_invisible(character: str) -> bool:
    # Unicode files these under controls; here they are blanks.
    if character in "\n\r\t\x0b\x0c\x85":
        return False
    return character in _INVISIBLE or unicodedata.category(character) in _INVISIBLE_CATEGORIES


def _trim_blanks(text: str, start: int, end: int) -> tuple[int, int]:
    while start < end and text[start].isspace():
        start += 1
    while start < end and text[end - 1].isspace():
        end -= 1
    return start, end


def _split_long_sentence(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """The span in pieces of at most 600 characters, cut after the last comma or blank that fits, if there is any."""
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
