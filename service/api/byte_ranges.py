"""The range of bytes that a request asks for (RFC 9110, section 14)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..errors import RangeNotSatisfiable

# In ASCII only, and of a length that stays a number.
_RANGE = re.compile(r"\s*bytes\s*=\s*([0-9]{0,18})\s*-\s*([0-9]{0,18})\s*", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True)
class ByteRange:
    """Bytes of a file, both ends included; an empty file has none, so that `last` is -1."""

    first: int
    last: int

    @property
    def length(self) -> int:
        """The number of bytes."""
        return self.last - self.first + 1


def read_range(header: str | None, size: int) -> ByteRange | None:
    """Returns the range in a header, or None for the whole file.

    As the standard says, a header that cannot be read, or that names several ranges, counts as none. Raises
    RangeNotSatisfiable if the file ends before the range.
    """
    match = _RANGE.fullmatch(header or "")
    if match is None or not (match[1] or match[2]):
        return None
    if not match[1]:
        # The last bytes, as many as it says.
        first, last = max(size - int(match[2]), 0), size - 1
    else:
        first, last = int(match[1]), min(int(match[2] or size - 1), size - 1)
        if match[2] and int(match[2]) < first:
            return None
    if first >= size or last < first:
        raise RangeNotSatisfiable(
            f"The file has {size} bytes, and the range begins after them: ask for less.", size=size
        )
    return ByteRange(first, last)
