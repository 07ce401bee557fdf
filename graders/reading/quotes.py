"""Finding a judge's quote in an answer, whatever punctuation and blanks the judge wrote."""

from __future__ import annotations

import re

from .normal_text import fold, has_han, words

_SENTENCE_NUMBER = re.compile(r"\[\d{1,3}\]")
# Marks that writers, keyboards and models exchange; "‹" and "›" replace our delimiters.
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


def find_quote(text: str, quote: str) -> tuple[int, int] | None:
    """Bounds of a quote in a text in normal form, or None if the text does not have it.

    Case, kinds of punctuation, numbers of sentences in brackets, and blanks other than between words may differ.
    Quotation marks and dots around the quote are ignored. A quote of a single word of less than three characters, or
    without a word, is too little to be evidence and gives None.
    """
    wanted = "".join(character for character, _ in _comparable_characters(fold(quote).text)).strip(" \"'.…")
    tokens = words(wanted)
    if not tokens or (len(tokens) == 1 and len(tokens[0]) < 3):
        return None
    characters = _comparable_characters(text)
    start = "".join(character for character, _ in characters).find(wanted)
    return (characters[start][1], characters[start + len(wanted) - 1][1] + 1) if start >= 0 else None


def _comparable_characters(text: str) -> list[tuple[str, int]]:
    """The characters that count in a comparison, in one spelling, each with its offset in the text."""
    # Replaced by as many blanks, so that offsets stay.
    blanked = _SENTENCE_NUMBER.sub(lambda match: " " * len(match.group()), text)
    characters: list[tuple[str, int]] = []
    is_apart = False
    for offset, character in enumerate(blanked):
        if character.isspace():
            is_apart = True
            continue
        # Only between Latin words does a blank make a difference.
        if is_apart and characters and _is_latin(characters[-1][0]) and _is_latin(character):
            characters.append((" ", offset - 1))
        is_apart = False
        # Two characters in lower case for one would shift offsets.
        lower = character.lower()
        characters.append((_ONE_SPELLING.get(character, lower if len(lower) == 1 else character), offset))
    return characters


def _is_latin(character: str) -> bool:
    return character.isalnum() and not has_han(character)
