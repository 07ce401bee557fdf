"""What routes are handed."""

from __future__ import annotations

from typing import Annotated, cast

from fastapi import Depends, Request

from vivavoce.rubrics import Bank

from .notifier import Notifier
from .settings import Settings
from .storage.engine import SessionFactory


def _settings(request: Request) -> Settings:
    return cast(Settings, request.app.state.settings)


def _bank(request: Request) -> Bank:
    return cast(Bank, request.app.state.bank)


def _notifier(request: Request) -> Notifier:
    return cast(Notifier, request.app.state.notifier)


def _sessions(request: Request) -> SessionFactory:
    return cast(SessionFactory, request.app.state.sessions)


SettingsDep = Annotated[Settings, Depends(_settings)]
BankDep = Annotated[Bank, Depends(_bank)]
DoorbellDep = Annotated[Notifier, Depends(_notifier)]
SessionsDep = Annotated[SessionFactory, Depends(_sessions)]
