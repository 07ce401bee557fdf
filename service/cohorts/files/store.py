"""Files of a cohort from upload to items: stored with their reports, corrected, and applied in one transaction."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from itertools import islice
from typing import Literal

from sqlalchemy.orm import Session

from vivavoce.rubrics import Bank, UnknownQuestion

from ...errors import InvalidRows, NotFound, UnreadableFile
from ...lookup import get_own
from ...own_rubrics.questions import Questions, load_questions
from ...storage import clock
from ...storage.engine import SessionFactory
from ...storage.repositories import ColumnMappingRepository
from ...storage.tables import Cohort, CohortFile
from ..items import NewItem, Upserted, check_takes_items, upsert_items
from .bad_rows import BadRowsFile
from .faults import Language
from .inspection import FileInput
from .jobs import FileReport, make_bad_rows, read_file, unpack_items
from .mapping import FileMapping

OnInvalid = Literal["all_or_nothing", "valid_rows_only"]
_ITEMS_AT_ONCE = 1_000


def check_open(session: Session, cohort_id: str) -> Cohort:
    """Returns a cohort that takes files; raises NotFound or WrongState."""
    cohort = get_own(session, Cohort, cohort_id, name="cohort")
    check_takes_items(cohort)
    return cohort


def add_file(
    sessions: SessionFactory,
    bank: Bank,
    cohort_id: str,
    *,
    name: str,
    data: bytes,
    encoding: str | None,
    sheet: str | None,
    most_rows: int,
) -> CohortFile:
    """Stores a file with its report; raises NotFound or WrongState."""
    with sessions() as session:
        check_open(session, cohort_id)
        questions = load_questions(session, bank)
        saved = [(row.name, row.headings_hash, row.mapping) for row in ColumnMappingRepository(session).newest()]
    source = FileInput(data, name, most_rows, encoding, sheet, saved=saved)
    read = read_file(source, questions.bank)
    file = CohortFile(
        cohort_id=cohort_id,
        name=name,
        content=data,
        sha256=hashlib.sha256(data).hexdigest(),
        size=len(data),
        reading={"encoding": encoding, "sheet": sheet},
        revision=1,
        created_at=clock.now(),
    )
    _set_report(file, read)
    with sessions.begin() as session:
        check_open(session, cohort_id)
        session.add(file)
    return file


def get_file(session: Session, cohort_id: str, file_id: str, *, lock: bool = False) -> CohortFile:
    """Returns a file of a cohort; raises NotFound."""
    cohort = get_own(session, Cohort, cohort_id, name="cohort", lock=lock)
    file = get_own(session, CohortFile, file_id, name="file", lock=lock)
    if file.cohort_id != cohort.id:
        raise NotFound(f"There is no file '{file_id[:64]}' in this cohort: check the id.")
    return file


def read_again(
    sessions: SessionFactory,
    bank: Bank,
    file: CohortFile,
    *,
    mapping: FileMapping | None,
    encoding: str | None,
    sheet: str | None,
    most_rows: int,
) -> FileReport:
    """Returns the report of a stored file by another mapping; None guesses it again."""
    source, questions = _load_source(sessions, bank, file, most_rows)
    changed = FileInput(source.data, source.name, most_rows, encoding, sheet, mapping)
    return read_file(changed, questions.bank)


def change_mapping(file: CohortFile, read: FileReport, *, encoding: str | None, sheet: str | None) -> None:
    """Sets the mapping and the report of a file; it counts as not applied."""
    _set_report(file, read)
    file.reading = {"encoding": encoding, "sheet": sheet}
    file.applied, file.applied_at = None, None
    file.revision += 1


def write_bad_rows(
    sessions: SessionFactory, bank: Bank, file: CohortFile, language: Language, *, most_rows: int
) -> BadRowsFile:
    """Returns the bad rows of a file in its own layout; raises UnreadableFile if it is no table."""
    source, questions = _load_source(sessions, bank, file, most_rows)
    bad_rows = make_bad_rows(source, questions.bank, language)
    if bad_rows is None:
        raise UnreadableFile("The file is no table, so it has no rows: see its problems, and send it again.")
    return bad_rows


def apply_file(session: Session, bank: Bank, cohort_id: str, file_id: str, on_invalid: OnInvalid) -> CohortFile:
    """Makes items of a file's answers; raises NotFound, WrongState or InvalidRows."""
    file = get_file(session, cohort_id, file_id, lock=True)
    cohort = check_open(session, cohort_id)
    counts = file.counts
    if counts["errors"] and (on_invalid == "all_or_nothing" or not counts["answers"]):
        raise InvalidRows(
            f"The file has {counts['errors']:,} errors in {counts['invalid_rows']:,} of {counts['rows']:,} rows, so "
            "nothing was taken: mend the bad rows, or send on_invalid as 'valid_rows_only' to leave them out."
        )
    items = _list_items(file, load_questions(session, bank))
    total = Upserted(0, 0, 0)
    # Portions bound the memory.
    while portion := list(islice(items, _ITEMS_AT_ONCE)):
        done = upsert_items(session, cohort, portion)
        total = Upserted(total.created + done.created, total.changed + done.changed, total.unchanged + done.unchanged)
    file.applied = {**vars(total), "left_out_rows": counts["invalid_rows"], "on_invalid": on_invalid}
    file.applied_at = clock.now()
    cohort.mapping = file.mapping
    return file


def _list_items(file: CohortFile, questions: Questions) -> Iterator[NewItem]:
    for item in unpack_items(file.items):
        try:
            rubric, source = questions.find(item.question_id, item.language)
        except UnknownQuestion as error:
            raise InvalidRows(f"Row {item.row}: {error} Read the file again with PUT …/mapping.") from None
        yield NewItem(
            item.external_id,
            item.answer,
            rubric,
            source,
            candidate=item.candidate,
            row=item.row,
            feedback_language=item.feedback_language,
            metadata=item.metadata,
        )


def _load_source(sessions: SessionFactory, bank: Bank, file: CohortFile, most_rows: int) -> tuple[FileInput, Questions]:
    with sessions() as session:
        questions = load_questions(session, bank)
        stored = get_own(session, CohortFile, file.id, name="file")
        mapping = FileMapping.model_validate(stored.mapping) if stored.mapping else None
        reading = stored.reading
        source = FileInput(stored.content, stored.name, most_rows, reading["encoding"], reading["sheet"], mapping)
    return source, questions


def _set_report(file: CohortFile, read: FileReport) -> None:
    file.mapping, file.report, file.items = read.mapping, read.report, read.items
    file.counts = read.report["counts"]
