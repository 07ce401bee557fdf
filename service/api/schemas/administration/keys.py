"""The bodies of requests and replies about keys and their organisation."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, Strict, StringConstraints, field_validator

from ....access.key_lifecycle import KeyState, read_state
from ....access.scopes import Role, Scope
from ....storage.tables import ApiKey, Organisation
from ....times import Time
from ..common import RequestBody

# What breaks a line or turns the direction of text.
_CONTROLS = r"\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069"
_NAME = rf"^[^{_CONTROLS}]*[^{_CONTROLS}\s][^{_CONTROLS}]*$"
KeyName = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=100),
    Field(json_schema_extra={"pattern": _NAME}),
]
_ID = "7k2m9x4q1zab"
_TIME = "2026-11-29T10:00:00Z"
_SCOPES: list[JsonValue] = ["cohorts:read", "gradings:read", "gradings:write"]
_KEY: dict[str, JsonValue] = {
    "id": _ID,
    "name": "ATS connector",
    "role": "integrator",
    "scopes": _SCOPES,
    "state": "active",
    "created_by": "key 3f8v0p2nq6td (admin)",
    "created_at": _TIME,
    "expires_at": "2027-11-29T10:00:00Z",
    "last_used_at": None,
    "revoked_at": None,
    "replaced_by": None,
}


class KeyCreate(RequestBody):
    """A key to be made."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "ATS connector",
                    "role": "integrator",
                    "scopes": _SCOPES,
                    "expires_at": "2099-12-31T00:00:00Z",
                }
            ]
        },
    )
    name: KeyName = Field(description="What the key is for, in 1 to 100 characters.")
    role: Annotated[Role, Strict(False)] = Field(description="Role that bounds the scopes of the key.")
    scopes: list[Annotated[Scope, Strict(False)]] | None = Field(
        default=None,
        min_length=1,
        max_length=len(Scope),
        description="Scopes of the key, of those of its role and of the key that asks; null for all of the role.",
    )
    expires_at: Time | None = Field(
        default=None, description="When the key ends, with a time zone and in the future; null for never."
    )

    @field_validator("name")
    @classmethod
    def _check_name(cls, name: str) -> str:
        if not re.match(_NAME, name):
            raise ValueError("the name has a line break or another character that cannot be printed: leave it out")
        return name


class KeyRotate(RequestBody):
    """How a key is rotated."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"overlap_hours": 24}]})
    overlap_hours: float = Field(
        default=24.0, ge=0, le=720, description="Hours that the old key still works, from 0 to 720 (30 days)."
    )


class KeyPublic(BaseModel):
    """A key, without its text."""

    model_config = ConfigDict(json_schema_extra={"examples": [_KEY]})
    id: str = Field(description="Id of the key: the 12 characters after `viva_` in its text.")
    name: str = Field(description="What the key is for.")
    role: Role = Field(description="Role that bounds its scopes.")
    scopes: list[Scope] = Field(description="What the key may do, sorted.")
    state: KeyState = Field(description="Only an `active` key works.")
    created_by: str = Field(description="The key or command that made it.")
    created_at: datetime = Field(description="When it was made.")
    expires_at: datetime | None = Field(description="When it ends; null for never.")
    last_used_at: datetime | None = Field(description="When it was last used, to the minute; null for never.")
    revoked_at: datetime | None = Field(description="When it was revoked; null if it was not.")
    replaced_by: str | None = Field(description="Id of the key that a rotation made; null if there was none.")

    @classmethod
    def from_key(cls, key: ApiKey) -> Self:
        """Returns the wire form of a key."""
        return cls(**_read_fields(key))


class KeyCreated(KeyPublic):
    """A key that was just made, with its text."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{**_KEY, "key": f"viva_{_ID}_…32 characters and a checksum of 6…"}]}
    )
    key: str = Field(description="The text of the key, for `Authorization: Bearer`. It is shown this once.")

    @classmethod
    def from_new(cls, key: ApiKey, text: str) -> Self:
        """Returns the wire form of a new key with its text."""
        return cls(**_read_fields(key), key=text)


class OrganisationPublic(BaseModel):
    """An organisation: the owner of answers, which no other organisation sees."""

    id: str = Field(description="Id of the organisation.")
    name: str | None = Field(description="Name of the organisation; null for the first one, unless it was given one.")
    created_at: datetime = Field(description="When it was made.")


class MePublic(BaseModel):
    """Whose key a request has, and what it may do."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "organisation": {"id": "default", "name": None, "created_at": _TIME},
                    "key": {**_KEY, "expires_at": None},
                }
            ]
        }
    )
    organisation: OrganisationPublic = Field(description="The organisation of the key.")
    key: KeyPublic = Field(description="The key of the request.")

    @classmethod
    def from_rows(cls, organisation: Organisation, key: ApiKey) -> Self:
        """Returns the wire form of an organisation and its key."""
        owner = OrganisationPublic(id=organisation.id, name=organisation.name, created_at=organisation.created_at)
        return cls(organisation=owner, key=KeyPublic.from_key(key))


def _read_fields(key: ApiKey) -> dict[str, object]:
    names = set(KeyPublic.model_fields) - {"state"}
    return {**{name: getattr(key, name) for name in names}, "state": read_state(key)}
