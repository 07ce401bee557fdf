from __future__ import annotations

import pytest

from vivavoce.service.api.byte_ranges import ByteRange, read_range
from vivavoce.service.errors import RangeNotSatisfiable


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bytes=0-0", ByteRange(0, 0)),
        ("bytes=2-", ByteRange(2, 9)),
        ("bytes=2-100", ByteRange(2, 9)),
        ("bytes=-3", ByteRange(7, 9)),
        ("bytes=-100", ByteRange(0, 9)),
        ("Bytes = 1 - 2", ByteRange(1, 2)),
        (None, None),
        ("", None),
        ("bytes=-", None),
        ("bytes=5-2", None),
        ("bytes=0-1,3-4", None),
        ("lines=0-1", None),
        ("bytes=²-3", None),
    ],
)
def test_ranges(header: str | None, expected: ByteRange | None) -> None:
    assert read_range(header, 10) == expected


@pytest.mark.parametrize("header", ["bytes=10-", "bytes=10-12", "bytes=-0"])
def test_a_range_that_the_file_does_not_have(header: str) -> None:
    with pytest.raises(RangeNotSatisfiable) as caught:
        read_range(header, 10)
    assert caught.value.headers == {"Content-Range": "bytes */10"}
