"""Lists that come in pages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from ..models.base import Model, Page
from .requests import Emit, Items, Request, call, read_as

M = TypeVar("M", bound=Model)


def read_pages(path: str, item: type[M], parameters: Mapping[str, Any]) -> Items[M]:
    """Emits the items of all pages of a list; a page is fetched when the one before was read."""
    page_model: type[Page[M]] = Page[item]  # type: ignore[valid-type]
    wanted = dict(parameters)
    while True:
        page: Page[M] = yield from call(Request(method="GET", path=path, parameters=wanted, read=read_as(page_model)))
        for found in page.items:
            yield Emit(found)
        if page.next_cursor is None:
            return
        # Filters and limit are sealed in the cursor.
        wanted = {"cursor": page.next_cursor}
