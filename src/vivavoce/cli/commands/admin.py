"""`viva admin`: organisations and their API keys, for whoever may run commands on the machine of the service."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table
from sqlalchemy.orm import Session

from vivavoce.service.access import key_lifecycle
from vivavoce.service.access.local_key import local_key_path
from vivavoce.service.access.scopes import Role
from vivavoce.service.settings import Settings
from vivavoce.service.storage import clock
from vivavoce.service.storage.repositories import ApiKeyRepository, OrganisationRepository
from vivavoce.service.storage.tables import DEFAULT_ORGANISATION, ApiKey, Organisation, new_id

from ..errors import UserError
from ..output.console import err, out
from ..resources import open_database

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Create, list, rotate and revoke API keys.")
_NAME_CHARACTERS = 100
_ORGANISATION_CHARACTERS = 200

OrganisationOption = Annotated[
    str | None, typer.Option(metavar="NAME", help="Name or id of an organisation; without it, the first one.")
]
KeyArgument = Annotated[str, typer.Argument(metavar="KEY_ID", help="Id of a key, from 'viva admin list'.")]


@app.command("create")
def create_key(
    role: Annotated[Role, typer.Option(help="What the key may do: docs/api.md has a table.")] = Role.ADMIN,
    name: Annotated[
        str | None, typer.Option(help="What the key is for, up to 100 characters; the role if left out.")
    ] = None,
    organisation: Annotated[
        str | None, typer.Option(metavar="NAME", help="Organisation that owns the key; made if it is new.")
    ] = None,
    expires: Annotated[
        str | None,
        typer.Option(metavar="DATE", help="Last day of the key (UTC), such as 2027-12-31; never if left out."),
    ] = None,
) -> None:
    """Create a key and print it, this once; on a fresh installation, the first administrator's.

    Only the key goes to standard output. Organisations do not see each other's answers.
    """
    expires_at = _parse_date(expires)
    name = role.value if name is None else name
    _check_text(name, option="--name", limit=_NAME_CHARACTERS)
    with open_database(Settings()) as database, database.begin() as session:
        owner, is_new = _find_or_make_organisation(session, organisation)
        key, text = key_lifecycle.create_key(
            session, organisation_id=owner.id, name=name.strip(), role=role, expires_at=expires_at
        )
    if is_new:
        err.print(f"Made the organisation {escape(owner.name or owner.id)}.", highlight=False, soft_wrap=True)
    _print_key(key, text)


@app.command("list")
def list_keys(organisation: OrganisationOption = None) -> None:
    """List the keys of all organisations, or of one, without their texts."""
    table = Table("organisation", "key", "name", "role", "state", "expires (UTC)", "last used (UTC)", "replaced by")
    with open_database(Settings()) as database, database() as session:
        owners = [_find_organisation(session, organisation)] if organisation else None
        for owner in owners or OrganisationRepository(session).oldest_first():
            for key in ApiKeyRepository(session).of_organisation(owner.id):
                times = (_write_time(key.expires_at), _write_time(key.last_used_at))
                state = key_lifecycle.read_state(key)
                cells = (owner.name or owner.id, key.id, key.name, key.role, state, *times, key.replaced_by or "")
                table.add_row(*(escape(cell) for cell in cells))
    out.print(table)


@app.command("rotate")
def rotate_key(
    key_id: KeyArgument,
    overlap_hours: Annotated[float, typer.Option(min=0, max=720, help="Hours that the old key still works.")] = 24.0,
) -> None:
    """Make the successor of a key and print it, this once; the old key still works for --overlap-hours."""
    with open_database(Settings()) as database, database.begin() as session:
        old = _get_key(session, key_id)
        key, text = key_lifecycle.rotate_key(session, old, overlap_hours=overlap_hours)
    err.print(f"The key {old.id} works until {_write_time(old.expires_at)} UTC.", highlight=False, soft_wrap=True)
    _print_key(key, text)


@app.command("revoke")
def revoke_key(key_id: KeyArgument) -> None:
    """End a key at once; requests with it get 401 from then on."""
    with open_database(Settings()) as database, database.begin() as session:
        key_lifecycle.revoke_key(session, _get_key(session, key_id))
    out.print(f"The key {key_id} is revoked.", highlight=False)


@app.command("local-key")
def show_local_key() -> None:
    """Print the key that 'viva serve' made for this machine, for curl: "Bearer $(viva admin local-key)".

    There is none in production and with a database of your own (VIVA_DATABASE_URL).
    """
    settings = Settings()
    path = local_key_path(settings)
    if settings.environment == "production" or settings.database_url:
        raise UserError(
            "In production and with VIVA_DATABASE_URL there is no local key: make one with 'viva admin create'."
        )
    if not path.is_file():
        raise UserError(f"There is no local key in {path.parent} yet: start 'viva serve' once, which makes it.")
    out.print(path.read_text(encoding="ascii").strip(), highlight=False, soft_wrap=True)


def _find_or_make_organisation(session: Session, name: str | None) -> tuple[Organisation, bool]:
    """Returns the organisation with a name or id, by default the first one, and whether it was made for this."""
    organisations = OrganisationRepository(session)
    found = organisations.by_name(name or DEFAULT_ORGANISATION)
    if found:
        return found, False
    # Only a database whose first organisation was deleted has none.
    name = name or DEFAULT_ORGANISATION
    _check_text(name, option="--organisation", limit=_ORGANISATION_CHARACTERS)
    made = Organisation(
        id=DEFAULT_ORGANISATION if name == DEFAULT_ORGANISATION else new_id(), name=name, created_at=clock.now()
    )
    session.add(made)
    session.flush()
    return made, True


def _find_organisation(session: Session, name: str) -> Organisation:
    found = OrganisationRepository(session).by_name(name)
    if found is None:
        raise UserError(f"There is no organisation '{name}': 'viva admin list' shows those with keys.")
    return found


def _get_key(session: Session, key_id: str) -> ApiKey:
    key = ApiKeyRepository(session).by_id(key_id)
    if key is None:
        # Whoever gives the whole key must not see it in a log.
        raise UserError("There is no key with that id: give the 12 characters that 'viva admin list' shows.")
    return key


def _parse_date(text: str | None) -> datetime | None:
    """Returns the end of a day in UTC."""
    if text is None:
        return None
    try:
        day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise UserError(f"'{text}' is no date: give --expires as year-month-day, such as 2027-12-31.") from None
    return day + timedelta(days=1)


def _check_text(text: str, *, option: str, limit: int) -> None:
    if not text.strip() or len(text) > limit or not text.isprintable():
        raise UserError(f"{option} is empty, longer than {limit} characters or not printable: give a short name.")


def _write_time(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M}" if moment else "never"


def _print_key(key: ApiKey, text: str) -> None:
    err.print(
        f"Key {key.id} ({escape(key.name)}, {key.role}). Keep it now: it is shown this once.",
        highlight=False,
        soft_wrap=True,
    )
    out.print(text, highlight=False, soft_wrap=True)
