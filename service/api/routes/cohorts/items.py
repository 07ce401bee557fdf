"""Routes for the answers of a cohort, and for what grading them would take."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, BackgroundTasks, Depends, Path, Query, Response
from sqlalchemy.orm import Session

from .... import audit, lookup
from ....audit import Kind
from ....cohorts.estimate import estimate_cost
from ....cohorts.item_list import find_item
from ....cohorts.item_list import list_items as find_items
from ....cohorts.items import check_takes_items, upsert_items
from ....cohorts.outcomes import Outcome
from ....errors import NotFound, RefusedItems
from ....notifier import announce
from ....own_rubrics.questions import load_questions
from ....storage.tables import Cohort
from ...authorization import CallerDep, OwnSessionsDep
from ...dependencies import BankDep, NotifierDep, SettingsDep, refuse_unknown_parameters
from ...documents.openapi import problem_replies
from ...item_bodies import read_items
from ...paging import Page, PagingDep
from ...schemas.cohorts.items import ItemPublic, ItemsAppended, ItemsCreate
from ...schemas.cohorts.lifecycle import EstimatePublic
from .lifecycle import PATIENCE_SECONDS, CohortIdDep

router = APIRouter(
    prefix="/v1/cohorts/{cohort_id}", tags=["cohorts"], dependencies=[Depends(refuse_unknown_parameters)]
)
ItemIdDep = Annotated[str, Path(description="Id of the item: 32 hexadecimal digits.")]


@router.post("/items", summary="Add answers to a cohort", responses=problem_replies(409))
def append_items(
    cohort_id: CohortIdDep,
    body: ItemsCreate,
    bank: BankDep,
    sessions: OwnSessionsDep,
    caller: CallerDep,
    notifier: NotifierDep,
    after_reply: BackgroundTasks,
) -> ItemsAppended:
    """Adds up to 500 answers to a draft, or to an open cohort that runs.

    An answer whose `external_id` the cohort has already is left as it is if nothing has changed, which costs nothing;
    else it becomes a new version. With `all_or_nothing` a wrong item has all refused: 422 with `errors`, in which each
    has its index and pointer.
    """
    questions = sessions.read(lambda session: load_questions(session, bank))
    good, errors = read_items(body.items, questions)
    if errors and body.mode == "all_or_nothing":
        raise RefusedItems(
            f"{len({error.index for error in errors})} of {len(body.items)} items cannot be used, so none was added: "
            "mend those in 'errors', or send 'mode': 'valid_only'.",
            [error.model_dump() for error in errors],
        )

    def append(session: Session) -> ItemsAppended:
        cohort = lookup.get_own(session, Cohort, cohort_id, name="cohort", lock=True)
        check_takes_items(cohort)
        upserted = upsert_items(session, cohort, good)
        counts = {"created": upserted.created, "changed": upserted.changed, "unchanged": upserted.unchanged}
        if upserted.created or upserted.changed:
            audit.append_event(
                session,
                kind=Kind.COHORT_ITEMS_ADDED,
                subject=cohort.id,
                details=counts,
                actor=caller.actor,
                organisation_id=cohort.organisation_id,
            )
        return ItemsAppended(**counts, errors=errors)

    after_reply.add_task(announce, notifier, cohort_id)
    return sessions.run(append, patience_seconds=PATIENCE_SECONDS)


@router.get("/items", summary="List the answers of a cohort")
def list_items(
    cohort_id: CohortIdDep,
    sessions: OwnSessionsDep,
    paging: PagingDep,
    outcome: Annotated[Outcome | None, Query(description="Only answers with this outcome.")] = None,
    candidate: Annotated[str | None, Query(max_length=200, description="Only answers of this candidate.")] = None,
    question_id: Annotated[str | None, Query(max_length=64, description="Only answers to this question.")] = None,
    external_id: Annotated[
        str | None, Query(max_length=200, description="Only the answer with this id of yours.")
    ] = None,
) -> Page[ItemPublic]:
    """Returns answers with their outcomes, in the order of their `external_id`."""
    query = paging.read(outcome=outcome, candidate=candidate, question_id=question_id, external_id=external_id)
    after = query.after[0] if query.after else None

    def read(session: Session) -> Page[ItemPublic]:
        lookup.get_own(session, Cohort, cohort_id, name="cohort")
        found = find_items(session, cohort_id, filters=query.filters, after=after, limit=query.limit + 1)
        shown = found[: query.limit]
        last = [shown[-1].item.external_id] if len(found) > query.limit else None
        return paging.write([ItemPublic.from_listed(row) for row in shown], last=last)

    return sessions.read(read)


@router.get("/items/{item_id}", summary="Read an answer of a cohort")
def read_item(cohort_id: CohortIdDep, item_id: ItemIdDep, sessions: OwnSessionsDep) -> ItemPublic:
    """Returns an answer with its outcome, and the versions that were replaced."""

    def read(session: Session) -> ItemPublic:
        lookup.get_own(session, Cohort, cohort_id, name="cohort")
        found = find_item(session, cohort_id, item_id)
        if found is None:
            raise NotFound(f"There is no item '{item_id[:64]}' in this cohort: check the id.")
        return ItemPublic.from_listed(found)

    return sessions.read(read)


@router.post("/estimate", summary="Estimate what a cohort takes")
def estimate_cohort(
    cohort_id: CohortIdDep, sessions: OwnSessionsDep, settings: SettingsDep, response: Response
) -> EstimatePublic:
    """Returns calls, tokens, minutes and cost of what is not graded yet, as ranges, and what the limits would do."""

    def read(session: Session) -> EstimatePublic:
        cohort = lookup.get_own(session, Cohort, cohort_id, name="cohort")
        return EstimatePublic.model_validate(estimate_cost(session, cohort, settings), from_attributes=True)

    return sessions.read(read)
