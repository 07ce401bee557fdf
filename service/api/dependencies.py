"""Dependencies of the routes, all from the state that `create_app` sets."""

from __future__ import annotations

from typing import Annotated, cast

from fastapi import Depends, Request

from vivavoce.rubrics import Bank

from ..notifier import Notifier
from ..settings import Settings
from ..storage.engine import SessionFactory


def _get_settings(request: Request) -> Settings:
    return cast(Settings, request.app.state.settings)


def _get_bank(request: Request) -> Bank:
    return cast(Bank, request.app.state.bank)


def _get_notifier(request: Request) -> Notifier:
    return cast(Notifier, request.app.state.notifier)


def _get_sessions(request: Request) -> SessionFactory:
    return cast(SessionFactory, request.app.state.sessions)


SettingsDep = Annotated[Settings, Depends(_get_settings)]
BankDep = Annotated[Bank, Depends(_get_bank)]
NotifierDep = Annotated[Notifier, Depends(_get_notifier)]
SessionsDep = Annotated[SessionFactory, Depends(_get_sessions)]
