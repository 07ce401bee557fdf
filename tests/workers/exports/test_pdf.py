"""Pages as PDF: text of both scripts with its glyphs, small, nothing fetched, clear words if a part is missing."""

from __future__ import annotations

import http.server
import subprocess
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fontTools.ttLib import TTFont
from pypdf import PdfReader

from vivavoce.graders import AnswerInput, grade
from vivavoce.graders.testing import scripted_panel
from vivavoce.rubrics import Bank, Rubric, load_bank
from vivavoce.service.api.schemas.gradings.lifecycle import GradingPublic
from vivavoce.service.gradings.lifecycle import state_of
from vivavoce.service.page.html_report import ReportRow, write_html
from vivavoce.workers.exports import pdf
from vivavoce.workers.exports.pdf import PdfError, write_pdf

_MOMENT = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def shipped() -> Bank:
    return load_bank()


def write_report(folder: Path, rubric: Rubric) -> tuple[Path, ReportRow]:
    """The page of one graded answer."""
    answer = rubric.references[-1].text
    (report,) = grade([AnswerInput(answer, None)], rubric, scripted_panel(lambda text, name: -2.0))
    grading = GradingPublic(
        id="f" * 32,
        state=state_of(report),
        question_id=rubric.question.id,
        language=rubric.question.language,
        candidate="000123",
        attempt=1,
        reason=None,
        detail=None,
        created_at=_MOMENT,
        updated_at=_MOMENT,
        report=report.to_dict(),
    )
    row = ReportRow("2", rubric.question.text, answer, grading, None, rubric)
    write_html(folder / "page.html", [row], title="Cohort 批次", language=rubric.question.language, made_at=_MOMENT)
    return folder / "page.html", row


def read_text(file: Path) -> str:
    """The text of a PDF without white space."""
    return "".join("".join(page.extract_text().split()) for page in PdfReader(file).pages)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_report_keeps_its_text_and_is_small(tmp_path: Path, shipped: Bank, language: str) -> None:
    rubric = next(rubric for rubric in shipped if rubric.question.language == language)
    page, row = write_report(tmp_path, rubric)
    write_pdf(page, tmp_path / "report.pdf")
    text = read_text(tmp_path / "report.pdf")
    assert row.grading.report
    titles = [criterion.title for criterion in rubric.criteria]
    for part in (
        row.question,
        row.answer,
        row.grading.report["feedback"]["candidate"],
        "Cohort 批次",
        "000123",
        *titles,
    ):
        assert "".join(part.split()) in text
    assert (tmp_path / "report.pdf").stat().st_size < 300_000


def test_equal_pages_give_equal_bytes(tmp_path: Path, shipped: Bank) -> None:
    page, _ = write_report(tmp_path, next(iter(shipped)))
    for name in ("first.pdf", "second.pdf"):
        write_pdf(page, tmp_path / name)
    assert (tmp_path / "first.pdf").read_bytes() == (tmp_path / "second.pdf").read_bytes()


def test_the_fonts_have_every_character_of_the_bank_and_of_the_page(tmp_path: Path, shipped: Bank) -> None:
    covered: set[int] = set()
    for name in ("/DejaVuSans.ttf", "/wqy-microhei.ttc"):
        found = subprocess.run(["fc-list", ":", "file"], capture_output=True, text=True, check=True).stdout
        file = next(line.rstrip(": ") for line in found.splitlines() if name in line)
        covered |= set(TTFont(file, fontNumber=0).getBestCmap())
    page, _ = write_report(tmp_path, next(iter(shipped)))
    written = page.read_text(encoding="utf-8") + "".join(rubric.model_dump_json() for rubric in shipped)
    assert {character for character in written if character.isprintable() and ord(character) not in covered} == set()


@pytest.fixture
def requests() -> Iterator[tuple[str, list[str]]]:
    """The address of a server, and the paths that were asked of it."""
    seen: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(self.path)
            self.send_error(404)

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", seen
        server.shutdown()


def test_nothing_is_fetched_from_files_or_the_network(tmp_path: Path, requests: tuple[str, list[str]]) -> None:
    address, seen = requests
    (tmp_path / "secret.txt").write_text("the secret")
    secret = f"file://{tmp_path}/secret.txt"
    page = tmp_path / "page.html"
    page.write_text(
        f'<link rel="stylesheet" href="{address}/a.css"><link rel="attachment" href="{secret}">'
        f'<style>@import "{address}/b.css"; p {{ background: url({address}/c.png) }}'
        f"@font-face {{ font-family: x; src: url({address}/d.ttf) }}</style>"
        f'<p style="font-family: x">Text <img src="{address}/e.png"><img src="{secret}"><img src="secret.txt">'
        f'<object data="{address}/f.svg"></object><svg><image href="{address}/g.png"/></svg></p>'
    )
    write_pdf(page, tmp_path / "page.pdf")
    assert read_text(tmp_path / "page.pdf").startswith("Text")
    assert seen == []
    assert PdfReader(tmp_path / "page.pdf").attachments == {}


def test_a_missing_library_is_named_with_its_fix(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    (tmp_path / "weasyprint").mkdir()
    (tmp_path / "weasyprint" / "__init__.py").write_text("raise OSError('cannot load library libpango-1.0-0')")
    source = request.config.rootpath / "src"
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{source}")
    (tmp_path / "page.html").write_text("<p>Text</p>")
    with pytest.raises(PdfError, match=r"PDFs need WeasyPrint and Pango: run 'pip install vivavoce\[pdf\]'"):
        write_pdf(tmp_path / "page.html", tmp_path / "page.pdf")


def test_a_layout_that_takes_too_long_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf, "MOST_SECONDS", 0.05)
    (tmp_path / "page.html").write_text("<p>Text</p>")
    with pytest.raises(PdfError, match="set filters, or choose html"):
        write_pdf(tmp_path / "page.html", tmp_path / "page.pdf")
