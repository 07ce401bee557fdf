"""Processor time that a worker spends on an answer beside the judge: reading, embedding, verifying, combining.

    .venv/bin/python -m vivavoce.evaluation.worker_cost

The embedding model is the settings' (VIVA_EMBEDDING_MODEL); the judge is a stand-in. Give the figure to
deploy/capacity.py as --worker-ms. Leave the machine alone meanwhile.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from vivavoce.evaluation.judge_benchmark import make_answers
from vivavoce.graders import AnswerInput, grade
from vivavoce.graders.models.embedder import build_embedder
from vivavoce.graders.panel import build_shipped_panel
from vivavoce.graders.testing import ScriptedJudge
from vivavoce.rubrics import default_bank
from vivavoce.service.settings import Settings

QUESTIONS = ("distillation", "quantization", "retrieval")


def main(*, questions: Sequence[str] = QUESTIONS, batches: int = 3) -> None:
    """Measure so many batches of each question and print one figure for each language."""
    settings = Settings()
    embedder = build_embedder(settings.embedding_model)
    panel = build_shipped_panel(embedder=embedder, judge=ScriptedJudge())
    size = settings.batch_size
    for language in ("en", "zh"):
        spent, answers = 0.0, 0
        for question in questions:
            rubric = default_bank().get(question, language)
            said = [AnswerInput(raw=answer) for answer in make_answers(rubric, count=(batches + 1) * size, seed=7)]
            # The rubric's own sentences are embedded once, with the first batch.
            grade(said[:size], rubric, panel)
            began = time.process_time()
            for start in range(size, len(said), size):
                grade(said[start : start + size], rubric, panel)
            spent += time.process_time() - began
            answers += len(said) - size
        print(
            f"{embedder.name}, {language}: {spent / answers * 1000:.0f} ms of processor an answer ({answers} answers)"
        )


if __name__ == "__main__":
    main()
