"""Connects commands with a running service: VIVA_URL and VIVA_KEY, else the one of this machine with its own key."""

from __future__ import annotations

import os
import re

from vivavoce.client import Client
from vivavoce.client.models.cohorts import Cohort
from vivavoce.client.settings import KEY_VARIABLE, URL_VARIABLE, is_local
from vivavoce.service.access.local_key import local_key_path
from vivavoce.service.settings import Settings

from .errors import UserError

_ID = re.compile(r"[0-9a-f]{32}")
_ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}
_NAMES_SEARCHED = 1000
_FIRST_SECONDS = 2.0


def open_client(*, patience_seconds: float = 60.0) -> Client:
    """A client of the service that the environment names, by default of the one that 'viva serve' runs here.

    Raises UserError without a key, and ClientError if the service does not answer or does not know it.
    The key of this machine is sent to this machine only.
    """
    settings = Settings()
    url = os.environ.get(URL_VARIABLE) or _local_url(settings)
    key = os.environ.get(KEY_VARIABLE) or (_read_local_key(settings) if is_local(url) else None)
    if not key:
        raise UserError(
            f"There is no key for {url}: set {KEY_VARIABLE} (an administrator makes keys with 'viva admin create'), "
            "or start 'viva serve' on this machine, which makes one for it."
        )
    # A wrong address or key is said at once; only later failures are waited for.
    with Client(url, key, patience_seconds=_FIRST_SECONDS) as first:
        first.keys.read_own()
    return Client(url, key, patience_seconds=patience_seconds)


def find_cohort(client: Client, name: str) -> Cohort:
    """The cohort with an id or a name. Raises UserError if there is none or several."""
    if _ID.fullmatch(name):
        return client.cohorts.read(name)
    found = []
    for number, cohort in enumerate(client.cohorts.list(limit=200)):
        if cohort.name == name:
            found.append(cohort)
        if number >= _NAMES_SEARCHED:
            break
    if not found:
        raise UserError(f"There is no cohort '{name}': 'viva cohort list' shows ids and names.")
    if len(found) > 1:
        raise UserError(f"{len(found)} cohorts are named '{name}': give the id, which 'viva cohort list' shows.")
    return found[0]


def _local_url(settings: Settings) -> str:
    return f"http://{_ANY_ADDRESS.get(settings.host, settings.host)}:{settings.port}"


def _read_local_key(settings: Settings) -> str | None:
    path = local_key_path(settings)
    return path.read_text(encoding="ascii").strip() if path.is_file() else None
