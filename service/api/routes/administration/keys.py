"""Routes for the API keys of an organisation, and for the key of the request itself."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel
from sqlalchemy.orm import Session

from ....access import key_lifecycle
from ....access.key_lifecycle import KeyState
from ....errors import KeyTextShown
from ....lookup import get_own
from ....storage import clock
from ....storage.repositories import ApiKeyRepository, OrganisationRepository
from ....storage.tables import ApiKey
from ...authorization import CallerDep, OwnSessionsDep
from ...dependencies import refuse_unknown_parameters
from ...documents.openapi import made_replies, problem_replies
from ...idempotency import Once, OnceDep
from ...paging import Page, PagingDep
from ...schemas.administration.keys import KeyCreate, KeyCreated, KeyPublic, KeyRotate, MePublic

router = APIRouter(prefix="/v1", tags=["keys"], dependencies=[Depends(refuse_unknown_parameters)])
KeyIdPath = Annotated[str, Path(description="Id of the key: the 12 characters after `viva_` in its text.")]


@router.get("/me", summary="Who am I")
def show_me(sessions: OwnSessionsDep, caller: CallerDep) -> MePublic:
    """Returns the organisation of the key of the request, its role and its scopes. Any key may ask."""
    with sessions() as session:
        organisation = OrganisationRepository(session).by_id(caller.organisation_id)
        key = ApiKeyRepository(session).by_id(caller.key_id)
        assert organisation
        assert key
        return MePublic.from_rows(organisation, key)


@router.post("/keys", status_code=201, summary="Create a key", responses=made_replies(201))
def create_key(body: KeyCreate, once: OnceDep, caller: CallerDep) -> KeyCreated:
    """Creates a key of your organisation. The reply has its text, which is shown this once and kept nowhere.

    A key gives only what it has: no scope that it has not itself, and no longer life than its own. Sent again with the
    same `Idempotency-Key` it makes no second one, and gets 409, as the text is gone.
    """

    def create(session: Session) -> tuple[ApiKey, str]:
        return key_lifecycle.create_key(
            session,
            organisation_id=caller.organisation_id,
            name=body.name,
            role=body.role,
            scopes=body.scopes,
            expires_at=body.expires_at,
            caller=caller,
        )

    return _make_key(once, create, body)


@router.get("/keys", summary="List keys")
def list_keys(
    sessions: OwnSessionsDep,
    paging: PagingDep,
    state: Annotated[KeyState | None, Query(description="Only keys in this state.")] = None,
) -> Page[KeyPublic]:
    """Returns the keys of your organisation without their texts, the newest first."""
    query = paging.read(state=state)
    after = (datetime.fromisoformat(query.after[0]), query.after[1]) if query.after else None
    with sessions() as session:
        found = ApiKeyRepository(session).page(
            moment=clock.now(), state=query.filters["state"], after=after, limit=query.limit + 1
        )
        shown = found[: query.limit]
        last = [shown[-1].created_at.isoformat(), shown[-1].id] if len(found) > query.limit else None
        return paging.write([KeyPublic.from_key(key) for key in shown], last=last)


@router.get("/keys/{key_id}", summary="Read a key")
def read_key(key_id: KeyIdPath, sessions: OwnSessionsDep) -> KeyPublic:
    """Returns a key of your organisation without its text."""
    with sessions() as session:
        return KeyPublic.from_key(_get_key(session, key_id))


@router.post(
    "/keys/{key_id}/rotate",
    status_code=201,
    summary="Rotate a key",
    responses=made_replies(201),
)
def rotate_key(key_id: KeyIdPath, once: OnceDep, caller: CallerDep, body: KeyRotate | None = None) -> KeyCreated:
    """Creates the successor of a key, with its name, role, scopes and length of life, and returns it with its text.

    The old key works for `overlap_hours` more and names its successor in `replaced_by`. Sent again with the same
    `Idempotency-Key` it makes no second one, and gets 409, as the text is gone.
    """
    wanted = body or KeyRotate()

    def rotate(session: Session) -> tuple[ApiKey, str]:
        old = _get_key(session, key_id, lock=True)
        return key_lifecycle.rotate_key(session, old, overlap_hours=wanted.overlap_hours, caller=caller)

    return _make_key(once, rotate, wanted)


@router.post("/keys/{key_id}/revoke", summary="Revoke a key", responses=problem_replies(409))
def revoke_key(key_id: KeyIdPath, sessions: OwnSessionsDep, caller: CallerDep) -> KeyPublic:
    """Ends a key at once; revoking it twice changes nothing. The last administrator's key cannot be revoked: 409."""
    with sessions.begin() as session:
        key = _get_key(session, key_id, lock=True)
        key_lifecycle.revoke_key(session, key, caller=caller)
        return KeyPublic.from_key(key)


def _get_key(session: Session, key_id: str, *, lock: bool = False) -> ApiKey:
    return get_own(session, ApiKey, key_id, name="key", lock=lock)


def _make_key(once: Once, make: Callable[[Session], tuple[ApiKey, str]], body: BaseModel) -> KeyCreated:
    """Returns a new key with its text, which is not stored with the reply. Raises KeyTextShown for a repetition."""
    texts: list[str] = []

    def work(session: Session) -> KeyPublic:
        key, text = make(session)
        texts[:] = [text]
        return KeyPublic.from_key(key)

    made = once.run(work, reply_type=KeyPublic, body=body, location=lambda public: f"/v1/keys/{public.id}")
    if once.is_replayed:
        raise KeyTextShown(
            f"This request was carried out before and made key '{made.id}', whose text was shown then: revoke that key "
            "if its text is lost, and create another with a new Idempotency-Key."
        )
    return KeyCreated(**made.model_dump(), key=texts[0])
