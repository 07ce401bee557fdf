"""Methods that exist once and are called on both clients: on the blocking one they return, on the other they await."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from functools import wraps
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar, overload

from .async_runner import AsyncRunner
from .requests import Items, Request, Steps, call
from .sync_runner import SyncRunner

P = ParamSpec("P")
T = TypeVar("T")
R = TypeVar("R", bound=SyncRunner | AsyncRunner)


class Resource(Generic[R]):
    """A group of operations, bound to the runner of a client."""

    def __init__(self, runner: R) -> None:
        self._runner: R = runner


class Operation(Generic[P, T]):
    """A method that gives a value: at once, or to be awaited."""

    def __init__(self, describe: Callable[P, Steps[T]]) -> None:
        self._describe = describe
        self.__doc__ = describe.__doc__

    @overload
    def __get__(self, resource: Resource[SyncRunner], owner: Any) -> Callable[P, T]: ...
    @overload
    def __get__(self, resource: Resource[AsyncRunner], owner: Any) -> Callable[P, Awaitable[T]]: ...
    def __get__(self, resource: Any, owner: Any) -> Any:
        describe: Any = self._describe
        if resource is None:
            return self

        @wraps(describe)
        def perform(*arguments: Any, **options: Any) -> Any:
            return resource._runner.run(describe(resource, *arguments, **options))

        return perform


class Iteration(Generic[P, T]):
    """A method that gives items one by one: to `for`, or to `async for`."""

    def __init__(self, describe: Callable[P, Items[T]]) -> None:
        self._describe = describe
        self.__doc__ = describe.__doc__

    @overload
    def __get__(self, resource: Resource[SyncRunner], owner: Any) -> Callable[P, Iterator[T]]: ...
    @overload
    def __get__(self, resource: Resource[AsyncRunner], owner: Any) -> Callable[P, AsyncIterator[T]]: ...
    def __get__(self, resource: Any, owner: Any) -> Any:
        describe: Any = self._describe
        if resource is None:
            return self

        @wraps(describe)
        def iterate(*arguments: Any, **options: Any) -> Any:
            return resource._runner.iterate(describe(resource, *arguments, **options))

        return iterate


def request(describe: Callable[Concatenate[Any, P], Request[T]]) -> Operation[P, T]:
    """Makes an operation of a method that describes one request."""

    @wraps(describe)
    def steps(*arguments: Any, **options: Any) -> Steps[T]:
        return call(describe(*arguments, **options))

    return Operation(steps)


def operation(describe: Callable[Concatenate[Any, P], Steps[T]]) -> Operation[P, T]:
    """Makes an operation of a method that is a generator of steps."""
    return Operation(describe)  # type: ignore[arg-type]


def iteration(describe: Callable[Concatenate[Any, P], Items[T]]) -> Iteration[P, T]:
    """Makes an iteration of a method that is a generator of steps and items."""
    return Iteration(describe)  # type: ignore[arg-type]
