"""Writes answers as lines of JSON: an object an answer, or an object a candidate with its answers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

from vivavoce.service.exports.answers import Answer, AnswerReader
from vivavoce.service.exports.columns import CRITERIA_GROUPS, Column, PlacedColumn
from vivavoce.service.exports.fields import LEVEL_SIGNALS, read_criteria, read_fields
from vivavoce.service.exports.options import ExportOptions

from .layouts import Rubrics


def write_jsonl(path: Path, reader: AnswerReader, options: ExportOptions, rubrics: Rubrics) -> int:
    """Write one object a line, in UTF-8; what there is none of is null. Returns the number of lines."""
    columns = options.choose_columns()
    records = (
        _group_records(reader, columns, options, rubrics)
        if options.layout == "wide"
        else (_read_record(answer, columns, options, rubrics) for answer in reader.read_answers())
    )
    # A lone surrogate becomes its escape, which JSON reads back.
    with path.open("w", encoding="utf-8", errors="backslashreplace", newline="\n") as file:
        count = 0
        for record in records:
            file.write(json.dumps(record, ensure_ascii=False) + "\n")
            count += 1
    return count


def describe_records(options: ExportOptions) -> list[dict[str, Any]]:
    """The entries of the data dictionary: those of criteria are fields of the objects in `criteria`."""
    entries = [PlacedColumn(column, options.language).describe() for column in options.choose_columns()]
    places = [f"criteria[].{entry['key']}" if entry["group"] in CRITERIA_GROUPS else entry["name"] for entry in entries]
    return [{**entry, "heading": place, "name": place} for entry, place in zip(entries, places, strict=True)]


def _group_records(
    reader: AnswerReader, columns: list[Column], options: ExportOptions, rubrics: Rubrics
) -> Iterator[dict[str, Any]]:
    for candidate, answers in groupby(reader.read_answers(), key=lambda answer: answer.stored.candidate):
        records = (_read_record(answer, columns, options, rubrics) for answer in answers)
        if candidate is None:
            # Nobody knows whether these belong together.
            yield from ({"candidate": None, "answers": [record]} for record in records)
        else:
            yield {"candidate": candidate, "answers": list(records)}


def _read_record(answer: Answer, columns: list[Column], options: ExportOptions, rubrics: Rubrics) -> dict[str, Any]:
    fields = read_fields(answer, options.language)
    fields["metadata"] = answer.stored.caller_metadata
    fields["flags"] = (answer.report or {}).get("flags", [])
    record = {column.key: fields.get(column.key) for column in columns if not column.of_criterion}
    chosen = [column.key for column in columns if column.of_criterion]
    if chosen:
        rubric = rubrics[answer.stored.rubric_version_id]
        results = _index_results(answer.report)
        record["criteria"] = [
            _read_criterion(criterion, chosen, results.get(criterion["id"], {}))
            for criterion in read_criteria(answer, rubric)
        ]
    return record


def _read_criterion(criterion: Mapping[str, Any], chosen: list[str], result: Mapping[str, Any]) -> dict[str, Any]:
    record = {key: criterion[key] for key in chosen}
    # JSON has lists, so figures of levels stay figures.
    if "probabilities" in record:
        record["probabilities"] = result.get("probabilities")
    levels = result.get("signals") or []
    return record | {key: [level.get(key) for level in levels] for key in LEVEL_SIGNALS if key in record}


def _index_results(report: Mapping[str, Any] | None) -> dict[str, Mapping[str, Any]]:
    return {result["id"]: result for result in (report or {}).get("criteria", ())}
