"""Many items cut into requests that the service takes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

ITEMS_AT_ONCE = 500
BYTES_AT_ONCE = 4 * 2**20


def cut_batches(items: Iterable[Mapping[str, Any]]) -> Iterator[tuple[int, list[Mapping[str, Any]]]]:
    """Gives batches with the number of their first item, counted from 0: at most 500 items and 4 MiB each."""
    batch: list[Mapping[str, Any]] = []
    start = size = 0
    for number, item in enumerate(items):
        length = len(json.dumps(item, default=str))
        if batch and (len(batch) == ITEMS_AT_ONCE or size + length > BYTES_AT_ONCE):
            yield start, batch
            batch, start, size = [], number, 0
        batch.append(item)
        size += length
    if batch:
        yield start, batch
