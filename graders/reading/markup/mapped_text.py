"""A text that was made from another, with the bounds in the original of each of its characters."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class MappedText:
    """A text whose character `i` came from `starts[i]` to `ends[i]` of the original, in code points.

    `pictures` counts pictures and recordings in the original that no text stands for.
    """

    text: str
    starts: tuple[int, ...]
    ends: tuple[int, ...]
    pictures: int = 0

    @classmethod
    def from_pieces(cls, pieces: Iterable[tuple[str, int, int]], *, pictures: int = 0) -> MappedText:
        """Join pieces of text, each with its bounds in the original.

        A piece as long as its span maps character by character; each character of another maps to the whole span.
        """
        texts: list[str] = []
        starts: list[int] = []
        ends: list[int] = []
        for text, start, end in pieces:
            texts.append(text)
            if len(text) == end - start:
                starts.extend(range(start, end))
                ends.extend(range(start + 1, end + 1))
            else:
                starts.extend([start] * len(text))
                ends.extend([end] * len(text))
        return cls("".join(texts), tuple(starts), tuple(ends), pictures)

    def trace(self, later: MappedText) -> MappedText:
        """`later`, which was made from this text, with bounds in the original of this one."""
        return replace(
            later,
            starts=tuple(self.starts[start] for start in later.starts),
            ends=tuple(self.ends[end - 1] for end in later.ends),
            pictures=self.pictures + later.pictures,
        )
