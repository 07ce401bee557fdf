"""Options and arguments that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

JsonOption = Annotated[Path | None, typer.Option("--json", help="Also write the figures to this JSON file.")]
SignalsOption = Annotated[
    Path | None, typer.Option("--signals", help="Write the table to which coefficients are fitted to this file.")
]
DataArgument = Annotated[list[Path], typer.Argument(help="Graded answers: JSON lines, plain or .gz.")]
