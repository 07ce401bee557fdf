from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from vivavoce.client import Client, InvalidRequest

_ROWS = "Nummer;Text\n007;INT8 takes fewer bits.\n008;{}\n"


def test_a_file_is_mapped_checked_and_applied(client: Client, tmp_path: Path) -> None:
    cohort = client.cohorts.create("file")
    file = tmp_path / "answers.csv"
    file.write_text(_ROWS.format("x" * 20_001), encoding="utf-8")
    report = client.cohort_files.upload(cohort.id, file)
    assert (report.name, report.counts.rows) == ("answers.csv", 2)
    mapping = {"layout": "long", "answer": "Text", "external_id": "Nummer", "question_id": "quantization"}
    mapped = client.cohort_files.change_mapping(cohort.id, report.id, mapping=mapping)
    assert mapped.mapping_source == "given"
    assert (mapped.counts.valid_rows, mapped.counts.invalid_rows) == (1, 1)
    [problem] = client.cohort_files.list_problems(cohort.id, report.id, level="error")
    assert (problem.code, problem.row, problem.column) == ("answer_unusable", 3, "Text")
    assert b"008" in client.cohort_files.read_bad_rows(cohort.id, report.id, language="zh")
    with pytest.raises(InvalidRequest) as refused:
        client.cohort_files.apply(cohort.id, report.id)
    assert refused.value.code == "invalid_rows"
    applied = client.cohort_files.apply(cohort.id, report.id, on_invalid="valid_rows_only").applied
    assert applied
    assert (applied.created, applied.left_out_rows) == (1, 1)
    assert [listed.id for listed in client.cohort_files.list(cohort.id)] == [report.id]
    client.cohort_files.delete(cohort.id, report.id)
    assert list(client.cohort_files.list(cohort.id)) == []


def test_a_saved_mapping_reads_the_next_file(client: Client) -> None:
    headings = [f"nr {uuid.uuid4().hex}", "said"]
    mapping = {"layout": "long", "answer": "said", "external_id": headings[0], "question_id": "quantization"}
    saved = client.cohort_files.save_mapping(headings[0], columns=headings, mapping=mapping)
    assert saved.id in {listed.id for listed in client.cohort_files.list_mappings()}
    cohort = client.cohorts.create("mapped")
    content = f"{','.join(headings)}\n1,INT8\n".encode()
    report = client.cohort_files.upload(cohort.id, content, name="a.csv")
    assert (report.mapping_source, report.counts.answers) == ("saved", 1)
    client.cohort_files.delete_mapping(saved.id)
