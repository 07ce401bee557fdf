"""Bytes as text: by byte order mark, as UTF-8 or UTF-16, or in the older encodings of Chinese and Western Excel.

An encoding that is not certain is chosen by its result: real Chinese has many common characters, a wrong decoding few.
"""

from __future__ import annotations

import codecs
import re
from functools import cache
from itertools import islice
from pathlib import Path

import yaml

from .model import Sentence, TableError

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    # The mark of UTF-32 begins with that of UTF-16.
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_WIDE = ("utf-32-le", "utf-32-be", "utf-16-le", "utf-16-be")
_CHINESE = (("gb18030", "GB18030 (Chinese, simplified)"), ("big5hkscs", "Big5 (Chinese, traditional)"))
_NAMES = {"utf-16-le": "UTF-16", "utf-16-be": "UTF-16", "utf-32-le": "UTF-32", "utf-32-be": "UTF-32"}
# Real Chinese has over .6, a wrong decoding under .3, Korean read as Chinese .45.
_CHINESE_SHARE = 0.5
_SHORT_CHINESE_SHARE = 0.35
_TEXT_SHARE = 0.7
# Enough to decide, and long files stay fast.
_SAMPLE = 20_000
_MOST_LETTERS = 200_000
_UTF8_CHARACTER = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
_HIGH_BYTE = re.compile(rb"[\x80-\xff]")
_SAY_ENCODING = "say which it is with --encoding NAME, or save it as UTF-8 (in Excel: 'CSV UTF-8') or .xlsx"


def decode_text(data: bytes, *, encoding: str | None = None) -> tuple[str, str | None]:
    """The text of bytes without its byte order mark, and a sentence that names the encoding if it was guessed.

    Raises TableError with the end of a sentence that begins with the name of the file.
    """
    if encoding is not None:
        return _decode_as(data, encoding), None
    for mark, name in _MARKS:
        if data.startswith(mark):
            return _decode_strictly(data, name), None
    if b"\0" in data and (wide := _find_wide(data)):
        return _decode_strictly(data, wide), _describe_guess(_NAMES[wide])
    try:
        return data.decode("utf-8"), None
    except UnicodeDecodeError as error:
        _refuse_damaged_utf8(data, error)
    return _decode_old_encoding(data)


def _decode_as(data: bytes, encoding: str) -> str:
    """The text in the encoding that the user named."""
    try:
        codec = codecs.lookup(encoding)
        # An empty text tells text encodings from base64 and its like.
        "".encode(encoding)
    except (LookupError, ValueError, UnicodeError):
        codec = None
    if codec is None or codec.name in ("idna", "punycode", "unicode-escape", "raw-unicode-escape", "undefined"):
        fix = "name one such as utf-8, gb18030, big5 or cp1252."
        text = f"cannot be read as '{encoding}', which is no encoding: {fix}"
        raise TableError(Sentence(text, "unknown_encoding", encoding=encoding))
    # GB18030 holds all of GBK and GB2312, Big5-HKSCS all of Big5.
    name = {"gbk": "gb18030", "gb2312": "gb18030", "cp936": "gb18030", "big5": "big5hkscs"}.get(codec.name, codec.name)
    return _decode_strictly(data, name)


def _decode_strictly(data: bytes, name: str) -> str:
    try:
        return data.decode(name).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        sentence = f"is not {name.upper()} text (line {line}, byte {error.start + 1}): {_SAY_ENCODING}."
        raise TableError(Sentence(sentence, "wrong_encoding", encoding=name.upper(), line=line)) from None


def _describe_guess(name: str) -> Sentence:
    text = f"The file was read as {name}: if characters look wrong, {_SAY_ENCODING}."
    return Sentence(text, "encoding_guessed", encoding=name)


def _find_wide(data: bytes) -> str | None:
    """UTF-16 or UTF-32 without a mark, if the bytes make text in it."""
    shares = {name: _measure_text(data[:_SAMPLE].decode(name, "replace")) for name in _WIDE}
    best = max(shares, key=lambda name: shares[name])
    return best if shares[best] >= _TEXT_SHARE else None


def _measure_text(text: str) -> float:
    """The share of characters that are ASCII text or common Chinese; from 0 to 1."""
    common = _list_common()
    hits = sum(character in common or " " <= character <= "~" or character in "\t\r\n" for character in text)
    return hits / max(len(text), 1)


def _refuse_damaged_utf8(data: bytes, error: UnicodeDecodeError) -> None:
    """Raises TableError for UTF-8 with a few wrong bytes, which other encodings would read as nonsense."""
    characters = _UTF8_CHARACTER.findall(data)
    high = sum(byte >= 0x80 for byte in data)
    # One or two characters are UTF-8 by chance.
    if len(characters) >= 3 and sum(map(len, characters)) >= 0.8 * high:
        line = data[: error.start].count(b"\n") + 1
        place = f"line {line}, byte {error.start + 1}"
        text = f"is UTF-8 text with a damaged character ({place}): export the file again, or correct that line."
        raise TableError(Sentence(text, "damaged_text", line=line))


def _decode_old_encoding(data: bytes) -> tuple[str, str]:
    chinese = {name: text for name, _ in _CHINESE if (text := _try_decoding(data, name)) is not None}
    shares = {name: _measure_chinese(text) for name, text in chinese.items()}
    best = max(shares, key=lambda name: shares[name], default=None)
    # A lone high byte before a letter can be half a Chinese character.
    is_lone = len(_HIGH_BYTE.findall(data[:_SAMPLE])) == 1 and not any(map(_has_common, chinese.values()))
    if best is not None and shares[best] > 0 and not (is_lone and _decode_western(data)):
        return chinese[best], _describe_guess(dict(_CHINESE)[best])
    if text := _decode_western(data):
        return text, _describe_guess("Windows-1252 (Western European)")
    raise TableError(Sentence(f"is in an encoding that cannot be told: {_SAY_ENCODING}.", "unknown_encoding"))


def _decode_western(data: bytes) -> str | None:
    text = _try_decoding(data, "cp1252")
    return text if text is not None and _is_western(text[:_MOST_LETTERS]) else None


def _try_decoding(data: bytes, name: str) -> str | None:
    try:
        return data.decode(name)
    except UnicodeDecodeError:
        return None


def _has_common(text: str) -> bool:
    return not _list_common().isdisjoint(text)


def _measure_chinese(text: str) -> float:
    """How much of the text beyond ASCII is common Chinese, from 0 to 1; 0 when too little for Chinese.

    Rare characters count nothing, frequent ones half.
    """
    high = list(islice((character for character in text if character > "~"), _SAMPLE))
    common = _list_common()
    weights = (1.0 if character in common else 0.4 if _is_frequent(character) else 0.0 for character in high)
    share = sum(weights) / max(len(high), 1)
    return share if share >= (_CHINESE_SHARE if len(high) >= 10 else _SHORT_CHINESE_SHARE) else 0.0


@cache
def _is_frequent(character: str) -> bool:
    """Whether a character is in the first plane of GB2312 or Big5, which hold the frequent ones."""
    for name, first, last in (("gb2312", 0xB0, 0xD7), ("big5", 0xA4, 0xC6)):
        code = character.encode(name, "ignore")
        if len(code) == 2 and first <= code[0] <= last and "\u4e00" <= character <= "\u9fff":
            return True
    return False


def _is_western(text: str) -> bool:
    """Whether letters beyond ASCII are few among plain ones, as in Western languages."""
    letters = [character for character in text if character.isalpha()]
    high = sum(character > "~" for character in text)
    return bool(letters) and high <= 0.4 * len(letters)


@cache
def _list_common() -> frozenset[str]:
    """The commonest Chinese characters of both scripts, and Chinese punctuation."""
    texts = yaml.safe_load((Path(__file__).parent / "common_characters.yaml").read_text(encoding="utf-8"))
    return frozenset("".join(texts.values()).replace(" ", "")) | frozenset("，。、；：？！“”‘’（）《》【】「」『』…—　")
