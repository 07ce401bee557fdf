"""`viva rubric export` and `viva rubric import`: rubrics in other formats."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from vivavoce.rubrics import Rubric, default_bank
from vivavoce.rubrics.formats import FORMATS, format_of, losses, read_rubrics, write_rubrics
from vivavoce.rubrics.lint import find_traps

from ..errors import UserError, require_new_file, require_writable
from ..output.console import err, out, parse_language


def export_rubrics(
    sources: Annotated[list[str], typer.Argument(help="Rubric files, or identifiers of questions of the bank.")],
    out_path: Annotated[
        Path, typer.Option("--out", help="A .yaml, .json, .md or (Canvas) .csv file, or a folder: see --format.")
    ],
    language: Annotated[str, typer.Option(help="Language of questions of the bank: zh or en.")] = "en",
    kind: Annotated[str, typer.Option("--format", help="Format of the files in a folder: yaml, json or md.")] = "yaml",
) -> None:
    """Write rubrics in another format, and say what that format cannot hold."""
    rubrics = [rubric for source in sources for rubric in _read_source(source, language)]
    if out_path.suffix:
        _write_files(rubrics, {out_path: rubrics})
    else:
        out_path.mkdir(parents=True, exist_ok=True)
        files = {out_path / f"{rubric.question.id}.{kind}": [rubric] for rubric in rubrics}
        if len(files) < len(rubrics):
            raise UserError("Two of the rubrics have the same identifier: export them to different folders.")
        _write_files(rubrics, files)


def import_rubrics(
    file: Annotated[Path, typer.Argument(help="A .yaml, .json, .md or (Canvas) .csv file.")],
    out_path: Annotated[
        Path | None, typer.Option("--out", help="File, or folder for several rubrics. Default: ID.yaml here.")
    ] = None,
    language: Annotated[str, typer.Option(help="Language of a Canvas file: zh or en.")] = "en",
    encoding: Annotated[str, typer.Option(help="Encoding of the file, such as gb18030. Default: found.")] = "",
) -> None:
    """Write rubric files from another format; rubrics from Canvas are drafts to complete and freeze.

    Of several rubrics those without mistakes are imported; exit status 1 if any is not.
    """
    imported = read_rubrics(file, language=parse_language(language), encoding=encoding or None)
    targets = _name_targets(file, imported.rubrics, out_path)
    for target in targets:
        require_new_file(target)
    for target, rubric in zip(targets, imported.rubrics, strict=True):
        write_rubrics([rubric], target)
        out.print(f"{target}: {rubric.status}, {len(rubric.criteria)} criteria", highlight=False, soft_wrap=True)
    _print_notices("note", imported.notices)
    for kind in sorted({format_of(target) for target in targets}):
        _print_notices("left out", losses(imported.rubrics, kind))
    for target in targets:
        print_traps(target)
    if imported.failures:
        _print_notices("not imported", imported.failures)
        raise typer.Exit(1)


def print_traps(file: Path) -> None:
    """Print the wordings of a rubric that no judge can grade, with file and line."""
    # The other formats have no lines to name.
    if format_of(file) == "YAML":
        for finding in find_traps(file):
            err.print(f"[yellow]lint:[/yellow] {escape(str(finding))}", highlight=False, soft_wrap=True)


def _name_targets(file: Path, rubrics: Sequence[Rubric], out_path: Path | None) -> list[Path]:
    """The file of each rubric; creates its folder. Raises UserError when the names would clash."""
    ids = [rubric.question.id for rubric in rubrics]
    if len(set(ids)) < len(ids):
        raise UserError(f"{file} has two rubrics whose names give the same identifier: rename one.")
    names_file = bool(out_path and out_path.suffix)
    if names_file and len(ids) > 1:
        raise UserError(f"{file} has {len(ids)} rubrics: name a folder with --out, not a file.")
    if out_path and names_file:
        require_writable(out_path, option="--out")
        return [out_path for _ in ids]
    folder = out_path or Path()
    folder.mkdir(parents=True, exist_ok=True)
    return [folder / f"{name}.yaml" for name in ids]


def _read_source(source: str, language: str) -> list[Rubric]:
    path = Path(source)
    # A name with a known ending is a file, even a missing one.
    if path.exists() or path.suffix in FORMATS:
        imported = read_rubrics(path, language=parse_language(language))
        if imported.failures:
            raise UserError(imported.failures[0])
        _print_notices("note", imported.notices)
        return list(imported.rubrics)
    return [default_bank().get(source, parse_language(language))]


def _write_files(rubrics: Sequence[Rubric], targets: Mapping[Path, Sequence[Rubric]]) -> None:
    (kind,) = {format_of(require_new_file(target)) for target in targets}
    for target, rubrics_of_file in targets.items():
        write_rubrics(rubrics_of_file, target)
    _print_notices("left out", losses(rubrics, kind))
    out.print(f"{len(rubrics)} rubrics: {', '.join(map(str, targets))}", highlight=False, soft_wrap=True)


def _print_notices(what: str, notices: Sequence[str]) -> None:
    for notice in notices:
        err.print(f"[yellow]{what}:[/yellow] {escape(notice)}", highlight=False, soft_wrap=True)
