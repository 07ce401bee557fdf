"""Writes a page as PDF with WeasyPrint, in a process of its own that reads nothing but the page.

`python -m vivavoce.workers.exports.pdf PAGE FILE` is that process. Text of candidates goes through libraries in C, and
a layout may take long: such a process can be ended without the worker.
"""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

MOST_SECONDS = 120
_MOST_BYTES = 2 * 1024**3
_INSTALL = "run 'pip install vivavoce[pdf]', and install Debian's libpangoft2-1.0-0 and libharfbuzz-subset0"
# Small fonts of both scripts first; what they lack is looked for in all others.
_FONTS = """
* { font-family: "DejaVu Sans", "WenQuanYi Micro Hei", "Noto Sans CJK SC", sans-serif !important }
:lang(zh) { font-family: "WenQuanYi Micro Hei", "Noto Sans CJK SC", "DejaVu Sans", sans-serif !important }
"""
_NO_LIBRARY, _TOO_MUCH = 3, 4


class PdfError(Exception):
    """No PDF can be written; the message says why and what to do."""


def write_pdf(page: Path, file: Path) -> None:
    """Write the HTML page as PDF. Raises PdfError if a part is missing, or if it takes too much time or memory."""
    command = [sys.executable, "-m", __name__, str(page), str(file)]
    # Nothing of the worker's secrets.
    environment = {name: os.environ[name] for name in ("PATH", "HOME", "PYTHONPATH", "LANG") if name in os.environ}
    try:
        done = subprocess.run(
            command, env=environment, timeout=MOST_SECONDS, capture_output=True, text=True, check=False
        )
    except subprocess.TimeoutExpired:
        raise PdfError(f"The PDF took more than {MOST_SECONDS} s: set filters, or choose html.") from None
    if done.returncode == _NO_LIBRARY:
        raise PdfError(done.stderr.strip().splitlines()[-1])
    if done.returncode == _TOO_MUCH or done.returncode < 0:
        raise PdfError("The PDF needs too much memory or time: set filters, or choose html.")
    if done.returncode:
        raise RuntimeError(f"WeasyPrint ended with status {done.returncode}: {done.stderr[-2000:]}")


def find_gap() -> str | None:
    """What is missing for PDFs and how to get it, in a sentence; None if all is there."""
    try:
        from weasyprint.text.ffi import ffi, harfbuzz_subset
    except (ImportError, OSError):
        return f"PDFs need WeasyPrint and Pango: {_INSTALL}."
    if harfbuzz_subset == ffi.NULL:
        return "PDFs with Chinese text take minutes without Debian's libharfbuzz-subset0: install it."
    if not _has_chinese_font():
        return "PDFs need a font with Chinese characters: install Debian's fontconfig and fonts-wqy-microhei."
    return None


def _has_chinese_font() -> bool:
    list_fonts = shutil.which("fc-list")
    if list_fonts is None:
        return False
    fonts = subprocess.run([list_fonts, ":lang=zh-cn", "family"], capture_output=True, timeout=30, check=False)
    return bool(fonts.stdout.strip())


def _run(page: Path, file: Path) -> int:
    if gap := find_gap():
        print(gap, file=sys.stderr)
        return _NO_LIBRARY
    from weasyprint import CSS, HTML
    from weasyprint.urls import URLFetcher

    resource.setrlimit(resource.RLIMIT_AS, (_MOST_BYTES, _MOST_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (MOST_SECONDS, MOST_SECONDS))
    # No protocol: neither files nor the network.
    html = HTML(string=page.read_text(encoding="utf-8"), url_fetcher=URLFetcher(allowed_protocols=()))
    try:
        # The identifier and dates of a PDF would make the bytes of each file new.
        html.write_pdf(file, stylesheets=[CSS(string=_FONTS)], pdf_identifier=b"vivavoce", pdf_tags=True)
    except MemoryError:
        return _TOO_MUCH
    return 0


if __name__ == "__main__":
    sys.exit(_run(Path(sys.argv[1]), Path(sys.argv[2])))
