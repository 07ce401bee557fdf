"""Lists in pages: cursors that have the filters of their list sealed in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Depends, Query, Request, Response
from itsdangerous import BadData, URLSafeSerializer
from pydantic import BaseModel, Field

from ..errors import InvalidCursor
from .dependencies import SettingsDep

MAX_PAGE = 200
DEFAULT_PAGE = 50
T = TypeVar("T")


class Page(BaseModel, Generic[T]):
    """A page of a list."""

    items: list[T] = Field(description="The items of this page, in the order of the list.")
    next_cursor: str | None = Field(
        description="Send it as `cursor`, alone, for the next page; null on the last. `Link` has the address."
    )


@dataclass(frozen=True)
class PageQuery:
    """What a page shows: the filters of its list, at most `limit` items, after the item with these sort values."""

    filters: Mapping[str, Any]
    limit: int
    after: Sequence[Any] | None


class Paging:
    """The paging of one request; `read` gives what to show, `write` the page."""

    def __init__(self, request: Request, response: Response, secret: str, cursor: str | None, limit: int) -> None:
        self._request, self._response = request, response
        self._route = request.scope["route"].name
        self._serializer = URLSafeSerializer(secret or "development", salt="cursor")
        self._cursor, self._limit = cursor, limit

    def read(self, **filters: Any) -> PageQuery:
        """Returns the query of this request. Filters must be JSON values.

        Raises InvalidCursor for a cursor of another list or organisation, a changed one, and one beside other
        parameters.
        """
        if self._cursor is None:
            self._query = PageQuery(filters, self._limit, None)
        else:
            self._query = self._open(self._cursor, name="cursor")
        return self._query

    def read_token(self, token: str, *, name: str) -> PageQuery:
        """Returns the query that `write_token` sealed, sent as the parameter `name`; raises as `read` does."""
        self._query = self._open(token, name=name)
        return self._query

    def write_token(self, *, name: str, after: Sequence[Any]) -> str:
        """Returns a text by which a later request goes on after these sort values, with the filters of this one."""
        place = [name, self._route, self._request.url.path, self._organisation]
        text = self._serializer.dumps([*place, dict(self._query.filters), self._query.limit, list(after)])
        return text.decode() if isinstance(text, bytes) else text

    def _open(self, token: str, *, name: str) -> PageQuery:
        if others := sorted(set(self._request.query_params) - {name}):
            raise InvalidCursor(f"'{others[0]}' stands beside '{name}', which has the filters in it: send it alone.")
        try:
            kind, route, path, organisation_id, filters, limit, after = self._serializer.loads(token)
        except (BadData, ValueError, TypeError):
            raise InvalidCursor(f"The {name} is not one that a list returned: begin again without it.") from None
        if (kind, route, path, organisation_id) != (name, self._route, self._request.url.path, self._organisation):
            raise InvalidCursor(f"The {name} belongs to another list: begin again without it.")
        return PageQuery(filters, limit, after)

    def write(self, items: Sequence[T], *, last: Sequence[Any] | None) -> Page[T]:
        """Returns the page; `last` has the sort values of its last item if there are more, else None."""
        if last is None:
            return Page(items=list(items), next_cursor=None)
        text = self.write_token(name="cursor", after=last)
        self._response.headers["Link"] = f'<{self._request.url.path}?cursor={text}>; rel="next"'
        return Page(items=list(items), next_cursor=text)

    @property
    def _organisation(self) -> str:
        return str(self._request.state.caller.organisation_id)


async def _get_paging(
    request: Request,
    response: Response,
    settings: SettingsDep,
    cursor: Annotated[
        str | None, Query(max_length=4000, description="`next_cursor` of the page before, without other parameters.")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE, description="Items on a page.")] = DEFAULT_PAGE,
) -> Paging:
    return Paging(request, response, settings.secret.get_secret_value(), cursor, limit)


PagingDep = Annotated[Paging, Depends(_get_paging)]
