"""Route that lists gradings: with filters and a cursor, by their ids, or by what changed since a token."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query
from sqlalchemy.orm import Session

from ....errors import UnusableRequest
from ....storage import clock
from ....storage.engine import SessionFactory
from ....storage.repositories import GradingListRepository, ReportFacts, ReviewRepository
from ....storage.tables import Grading
from ...answer_key import hide_answer_key
from ...authorization import OwnSessionsDep, ReadsKeyDep
from ...dependencies import refuse_unknown_parameters
from ...grading_filters import GradingFiltersDep, build_filter, list_unsteady
from ...paging import PageQuery, Paging, PagingDep
from ...schemas.gradings.lists import GradingListed, GradingPage

router = APIRouter(prefix="/v1/gradings", tags=["gradings"], dependencies=[Depends(refuse_unknown_parameters)])
MAX_IDS = 100
# Longer than any transaction takes, and than clocks differ.
OVERLAP = timedelta(seconds=60)
_TOKEN = "sync_token"
_NO_FACTS = ReportFacts(None, None, None, None, [])


@router.get("", summary="List gradings")
def list_gradings(
    paging: PagingDep,
    filters: GradingFiltersDep,
    sessions: OwnSessionsDep,
    reads_key: ReadsKeyDep,
    ids: Annotated[
        list[str] | None,
        Query(
            max_length=MAX_IDS,
            description="Ids of gradings, at most 100, repeated or joined by commas: exactly these, in this order; "
            "`missing` names those that are not there. Filters cannot be combined with it.",
        ),
    ] = None,
    include: Annotated[Literal["report"] | None, Query(description="`report` for whole reports.")] = None,
    sync: Annotated[
        bool,
        Query(
            description="Lists in the order of the last change, the oldest change first, and ends with a `sync_token`."
        ),
    ] = False,
    sync_token: Annotated[
        str | None,
        Query(max_length=4000, description="`sync_token` of an earlier list, alone: what has changed since."),
    ] = None,
) -> GradingPage:
    """Returns gradings of your organisation, the newest first, without their reports unless `include=report` asks.

    To keep a copy, read all pages of `?sync=true` once and keep the `sync_token` of the last; later, `?sync_token=`
    gives what was submitted or has changed since, page by page, with the next token at the end. A grading may come
    again although it has not changed. Texts of the answer key are null unless the key has the scope
    `answer_key:read`.
    """
    if ids is not None:
        query = paging.read(**filters, include=include)
        _check_alone(filters, others={"sync": sync, _TOKEN: sync_token})
        page = _read_by_ids(sessions, _split_ids(ids), with_reports=query.filters["include"] is not None)
    elif sync_token is not None or sync:
        page = _read_changes(sessions, paging, filters, include=include, sync_token=sync_token)
    else:
        query = paging.read(**filters, include=include, sync=False)
        is_sync = query.filters.get("sync", False)
        page = _write_changes(sessions, paging, query) if is_sync else _read_newest(sessions, paging, query)
    if not reads_key:
        page.items = [hide_answer_key(item) for item in page.items]
    return page


def _split_ids(ids: Sequence[str]) -> list[str]:
    """Returns the ids without repetitions, in their order."""
    split = list(dict.fromkeys(part.strip() for text in ids for part in text.split(",") if part.strip()))
    if len(split) > MAX_IDS:
        raise UnusableRequest(f"The request has {len(split):,} ids: send at most {MAX_IDS} at a time.")
    return split


def _check_alone(filters: dict[str, Any], *, others: dict[str, Any]) -> None:
    set_names = [name for name, value in filters.items() if value is not None and value != []]
    if set_names := [*set_names, *(name for name, value in others.items() if value)]:
        raise UnusableRequest(f"'{set_names[0]}' stands beside 'ids': send 'ids' without filters.")


def _read_by_ids(sessions: SessionFactory, ids: Sequence[str], *, with_reports: bool) -> GradingPage:
    # Other texts are no ids, and some no database can compare.
    usable = [grading_id for grading_id in ids if grading_id.isascii() and grading_id.isalnum()]
    with sessions() as session:
        found = GradingListRepository(session).by_ids(usable)
        shown = _show(session, [found[name] for name in ids if name in found], with_reports=with_reports)
    return GradingPage(items=shown, next_cursor=None, missing=[name for name in ids if name not in found])


def _read_newest(sessions: SessionFactory, paging: Paging, query: PageQuery) -> GradingPage:
    with sessions() as session:
        gradings = GradingListRepository(session).newest(
            build_filter(query.filters), after=_read_position(query.after), limit=query.limit + 1
        )
        shown = _show(session, gradings[: query.limit], with_reports=query.filters["include"] is not None)
    last = gradings[query.limit - 1] if len(gradings) > query.limit else None
    page = paging.write(shown, last=[last.created_at.isoformat(), last.id] if last else None)
    return GradingPage(items=page.items, next_cursor=page.next_cursor)


def _read_changes(
    sessions: SessionFactory, paging: Paging, filters: dict[str, Any], *, include: str | None, sync_token: str | None
) -> GradingPage:
    if sync_token is not None:
        return _write_changes(sessions, paging, paging.read_token(sync_token, name=_TOKEN))
    if unsteady := list_unsteady(filters):
        raise UnusableRequest(
            f"'{unsteady[0]}' stands beside 'sync', by which a grading would drop out unseen: leave it out, and look "
            "at the gradings that come."
        )
    return _write_changes(sessions, paging, paging.read(**filters, include=include, sync=True))


def _write_changes(sessions: SessionFactory, paging: Paging, query: PageQuery) -> GradingPage:
    # Before the query: what commits later has a later time.
    horizon = clock.now() - OVERLAP
    with sessions() as session:
        gradings = GradingListRepository(session).changed(
            build_filter(query.filters), after=_read_position(query.after), limit=query.limit + 1
        )
        shown = _show(session, gradings[: query.limit], with_reports=query.filters["include"] is not None)
    last = gradings[: query.limit][-1] if gradings else None
    position = [last.updated_at.isoformat(), last.id] if last else query.after
    if len(gradings) > query.limit:
        page = paging.write(shown, last=position)
        return GradingPage(items=page.items, next_cursor=page.next_cursor)
    reached = _read_position(position)
    settled = position if reached and reached[0] < horizon else [horizon.isoformat(), ""]
    token = paging.write_token(name=_TOKEN, after=settled or [])
    return GradingPage(items=shown, next_cursor=None, sync_token=token)


def _read_position(after: Sequence[Any] | None) -> tuple[datetime, str] | None:
    return (datetime.fromisoformat(after[0]), after[1]) if after else None


def _show(session: Session, gradings: Sequence[Grading], *, with_reports: bool) -> list[GradingListed]:
    ids = [grading.id for grading in gradings]
    lists = GradingListRepository(session)
    facts, reviews = lists.facts(ids), ReviewRepository(session).newest_of(ids)
    documents = lists.documents(ids) if with_reports else {}
    return [
        GradingListed.from_grading(
            grading,
            facts.get(grading.id, _NO_FACTS),
            review=reviews.get(grading.id),
            document=documents.get(grading.id),
        )
        for grading in gradings
    ]
