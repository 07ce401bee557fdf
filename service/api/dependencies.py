"""Dependencies of the routes: what `create_app` has set, and checks of addresses."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from typing import Annotated, cast, get_args, get_origin

from fastapi import Depends, Path, Request
from fastapi._compat import ModelField
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError

from vivavoce.rubrics import Bank

from ..errors import GradingNotFound
from ..notifier import Notifier
from ..settings import Settings
from ..storage.engine import SessionFactory
from .waiting import WaitingRequests

# In ASCII only: other alphabets have digits too.
_ID = re.compile("[0-9a-f]{32}", re.ASCII)

# Dependencies that only look something up are coroutines: FastAPI runs each plain function in a thread of its own,
# which costs more than the look.


async def _get_settings(request: Request) -> Settings:
    return cast(Settings, request.app.state.settings)


async def _get_bank(request: Request) -> Bank:
    return cast(Bank, request.app.state.bank)


async def _get_notifier(request: Request) -> Notifier:
    return cast(Notifier, request.app.state.notifier)


async def _get_sessions(request: Request) -> SessionFactory:
    return cast(SessionFactory, request.app.state.sessions)


async def _get_waiting(request: Request) -> WaitingRequests:
    return cast(WaitingRequests, request.app.state.waiting)


async def _check_grading_id(
    grading_id: Annotated[
        str,
        Path(
            description="Id of the grading: 32 hexadecimal digits.", json_schema_extra={"pattern": f"^{_ID.pattern}$"}
        ),
    ],
) -> str:
    if not _ID.fullmatch(grading_id):
        # Other texts are no ids, and some no database can compare.
        raise GradingNotFound(f"There is no grading '{grading_id[:64]}': check the id that POST returned.")
    return grading_id


async def refuse_unknown_parameters(request: Request) -> None:
    """Raises RequestValidationError for a query parameter that the route does not have, or that comes twice.

    One that takes a list may come as often as it likes.
    """
    if not request.query_params:
        return
    fields = {field.alias: field for field in _list_query_fields(request.scope["route"].dependant)}
    names = [name for name, _ in request.query_params.multi_items()]
    for name in names:
        if name not in fields:
            near = difflib.get_close_matches(name, fields, n=1)
            fix = f"did you mean '{near[0]}'?" if near else f"there is {' and '.join(fields) or 'none here'}."
            raise _wrong_parameter(name, f"this query parameter does not exist: {fix}")
        if names.count(name) > 1 and not _takes_list(fields[name]):
            raise _wrong_parameter(name, "this query parameter appears twice: send it once.")


def _list_query_fields(dependant: Dependant) -> Iterator[ModelField]:
    yield from dependant.query_params
    for inner in dependant.dependencies:
        yield from _list_query_fields(inner)


def _takes_list(field: ModelField) -> bool:
    annotation = field.field_info.annotation
    return any(get_origin(part) is list for part in (annotation, *get_args(annotation)))


def _wrong_parameter(name: str, message: str) -> RequestValidationError:
    return RequestValidationError([{"type": "query_parameter", "loc": ("query", name[:64]), "msg": message}])


RubricIdDep = Annotated[
    str,
    Path(
        description="Id of a version of yours: 32 hexadecimal digits.",
        json_schema_extra={"pattern": f"^{_ID.pattern}$"},
    ),
]
GradingIdDep = Annotated[str, Depends(_check_grading_id)]
WaitingDep = Annotated[WaitingRequests, Depends(_get_waiting)]
SettingsDep = Annotated[Settings, Depends(_get_settings)]
BankDep = Annotated[Bank, Depends(_get_bank)]
NotifierDep = Annotated[Notifier, Depends(_get_notifier)]
SessionsDep = Annotated[SessionFactory, Depends(_get_sessions)]
