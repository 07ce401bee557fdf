"""Requests, replies, and the steps that operations are made of.

An operation describes what to send and how to read the reply (`Request`), or is a generator of steps. It does no input
or output itself, so that one description serves the blocking client and the asynchronous one.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar
from urllib.parse import quote

import httpx2
import pydantic

from ..errors import ClientError, UnreadableReply
from ..models.base import Model

T = TypeVar("T")
M = TypeVar("M", bound=Model)
DONE = object()
"""What a generator of steps gives after its last step."""
# Not PUT: after an edit that arrived, its second try is a conflict with itself.
_SAFE_METHODS = frozenset({"GET", "DELETE"})


@dataclass(frozen=True)
class Reply:
    """A reply with a status below 300."""

    status: int
    headers: httpx2.Headers
    content: bytes


@dataclass(frozen=True, kw_only=True)
class Request(Generic[T]):
    """One request, and how its reply is read.

    `is_repeatable` says that sending it twice does what sending it once does, so that it may be sent again after a
    lost connection. `wait_seconds` is how long the service may take on purpose.
    """

    method: str
    path: str
    read: Callable[[Reply], T]
    parameters: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    content: bytes | None = None
    wait_seconds: float = 0.0
    is_repeatable: bool = False

    @property
    def may_be_repeated(self) -> bool:
        """Whether a try of unknown outcome may be followed by another."""
        return self.is_repeatable or self.method in _SAFE_METHODS


@dataclass(frozen=True)
class Send:
    """A step: one try of a request. Its result is an `httpx2.Response` that was read."""

    request: Request[Any]


@dataclass(frozen=True)
class Open:
    """A step: a request whose reply is read in parts, with further tries. Its result is an `OpenedReply`."""

    request: Request[Any]
    as_events: bool = False


@dataclass(frozen=True)
class OpenOnce:
    """A step: one try to open a reply. Its result is an `OpenedReply`; of an error it was read and closed."""

    request: Request[Any]
    as_events: bool


@dataclass(frozen=True)
class OpenedReply:
    """A reply that is being read; `parts` is an iterator of the runner's kind over bytes or events."""

    response: httpx2.Response
    parts: Any


@dataclass(frozen=True)
class ReadNext:
    """A step: the next part of an opened reply, bytes or an `httpx2.ServerSentEvent`; None at its end."""

    reply: OpenedReply


@dataclass(frozen=True)
class Close:
    """A step: an opened reply is not read further."""

    reply: OpenedReply


@dataclass(frozen=True)
class Sleep:
    """A step: seconds without doing anything."""

    seconds: float


@dataclass(frozen=True)
class AskPatience:
    """A step: the seconds of patience that the client was given."""


@dataclass(frozen=True)
class Emit(Generic[T]):
    """A step of an iteration: the caller gets this item."""

    item: T


Step = Request[Any] | Send | Open | OpenOnce | ReadNext | Close | Sleep | AskPatience
Steps = Generator[Step, Any, T]
Items = Generator[Step | Emit[T], Any, None]


class Drive(Generic[T]):
    """The steps of an operation in progress; `value` is its result once `advance` returned DONE."""

    def __init__(self, steps: Generator[Any, Any, T]) -> None:
        self._steps = steps
        self.value: Any = None

    def advance(self, result: Any, error: ClientError | None) -> Any:
        """Returns the next step after the result or error of the one before."""
        try:
            return self._steps.throw(error) if error else self._steps.send(result)
        except StopIteration as end:
            self.value = end.value
            return DONE


def call(request: Request[T]) -> Steps[T]:
    """Sends a request, with further tries, and returns what its reply says."""
    result: T = yield request
    return result


def fill(template: str, *names: str) -> str:
    """Returns a path with ids in place of its `{}`, quoted."""
    return template.format(*(quote(name, safe="") for name in names))


def without_none(**values: Any) -> dict[str, Any]:
    """Returns the values that are not None: the service uses its defaults for the others."""
    return {name: value for name, value in values.items() if value is not None}


def read_as(model: type[M]) -> Callable[[Reply], M]:
    """Returns a reader of replies that are a JSON object. It raises UnreadableReply."""

    def read(reply: Reply) -> M:
        found = parse(model, reply.content)
        found._etag = reply.headers.get("etag")
        return found

    return read


def read_list_of(model: type[M]) -> Callable[[Reply], list[M]]:
    """Returns a reader of replies that are a JSON array. It raises UnreadableReply."""
    adapter = pydantic.TypeAdapter(list[model])  # type: ignore[valid-type]

    def read(reply: Reply) -> list[M]:
        try:
            return adapter.validate_json(reply.content)
        except pydantic.ValidationError as error:
            raise _describe(error, model) from error

    return read


def parse(model: type[M], content: bytes | str) -> M:
    """Returns a JSON object as a model. Raises UnreadableReply."""
    try:
        return model.model_validate_json(content)
    except pydantic.ValidationError as error:
        raise _describe(error, model) from error


def read_nothing(_: Reply) -> None:
    """Reads a reply without content."""


def read_text(reply: Reply) -> str:
    """Reads a reply that is text in UTF-8."""
    return reply.content.decode("utf-8", "replace")


def read_bytes(reply: Reply) -> bytes:
    """Reads a reply that is a file."""
    return reply.content


def new_idempotency_key(given: str | None = None) -> dict[str, str]:
    """Returns the header with a key that was given, or with a new one."""
    return {"Idempotency-Key": given or uuid.uuid4().hex}


def _describe(error: pydantic.ValidationError, model: type[pydantic.BaseModel]) -> UnreadableReply:
    first = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(map(str, first["loc"])) or "the body"
    return UnreadableReply(
        f"The reply is no {model.__name__} ({place}: {first['msg']}): check that the address is that of vivavoce."
    )
