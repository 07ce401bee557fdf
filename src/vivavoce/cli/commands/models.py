"""`viva models`: the model files that grade."""

from __future__ import annotations

from typing import Annotated

import typer

from vivavoce.graders.models.model_files import DEFAULT_JUDGE, ModelSource, VerifiedModel, fetch_model, find_model
from vivavoce.service.settings import Settings

from ..console import err, out
from ..progress import progress_bar

app = typer.Typer(add_completion=False, no_args_is_help=True, help="The model files that grade.")


@app.callback()
def _group() -> None:
    pass


@app.command("fetch")
def fetch_models(
    name: Annotated[str, typer.Argument(help="Model; by default the judge that ships.")] = DEFAULT_JUDGE.name,
) -> None:
    """Get a judge model and check it; what is there already is only checked."""
    model = fetch_with_progress(find_model(name), Settings())
    out.print(f"{model.path}\nSHA-256 {model.sha256}", highlight=False, soft_wrap=True)


def fetch_with_progress(source: ModelSource, settings: Settings) -> VerifiedModel:
    """Get a model and check it, with a bar; raises ModelMissing."""
    with progress_bar(err) as progress:
        bar = progress.add_task(source.name, total=len(source.packages), visible=False)
        return fetch_model(
            source,
            settings.models_dir,
            on_progress=lambda done, total: progress.update(bar, completed=done, total=total, visible=True),
        )
