"""ETags of resources that callers edit: an edit names the revision that it was made from."""

from __future__ import annotations

from typing import Annotated

from fastapi import Header, Response

from ..errors import PreconditionFailed, PreconditionMissing

IfMatchDep = Annotated[
    str | None, Header(alias="If-Match", description="`ETag` of the resource as you read it; `*` for any.")
]


def write_etag(response: Response, revision: int) -> None:
    """Sets the ETag of a resource."""
    response.headers["ETag"] = f'"{revision}"'


def check_if_match(if_match: str | None, revision: int) -> None:
    """Raises PreconditionMissing without If-Match, and PreconditionFailed if it names another revision."""
    if if_match is None:
        raise PreconditionMissing("The edit has no If-Match: send the ETag that you read with the resource.")
    if if_match.strip() != "*" and f'"{revision}"' not in (tag.strip() for tag in if_match.split(",")):
        raise PreconditionFailed(
            f'The resource has changed since you read it (it is at "{revision}" now): read it again, then edit it.'
        )
