"""`viva models`: downloads and checks model files."""

from __future__ import annotations

from typing import Annotated

import typer

from vivavoce.graders.models.model_files import DEFAULT_JUDGE, ModelSource, VerifiedModel, fetch_model, find_model
from vivavoce.service.settings import Settings

from ..output.console import err, out
from ..output.progress import progress_bar

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Download and check model files.")


# Typer makes a group only of an application with a callback.
@app.callback()
def _keep_group() -> None:
    pass


@app.command("fetch")
def fetch_judge(
    name: Annotated[str, typer.Argument(help="Model; by default the judge that ships.")] = DEFAULT_JUDGE.name,
) -> None:
    """Download a judge model and check its hash; one that is there already is only checked."""
    model = fetch_with_progress(find_model(name), Settings())
    out.print(f"{model.path}\nSHA-256 {model.sha256}", highlight=False, soft_wrap=True)


def fetch_with_progress(source: ModelSource, settings: Settings) -> VerifiedModel:
    """Download a model with a progress bar and check its hash; raises ModelMissing."""
    with progress_bar(err) as progress:
        # Shown only once there is something to download.
        bar = progress.add_task(source.name, total=len(source.packages), visible=False)
        return fetch_model(
            source,
            settings.models_dir,
            on_progress=lambda done, total: progress.update(bar, completed=done, total=total, visible=True),
        )
