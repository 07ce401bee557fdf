"""Measures the processor time that a worker spends on an answer: reading, embedding, verifying, combining.

    .venv/bin/python -m vivavoce.evaluation.benchmarks.worker_cost

The embedding model is the settings' (VIVA_EMBEDDING_MODEL); the judge is a stand-in that takes no time. Give the figure
to deploy/capacity.py as --worker-ms. Run nothing else on the machine meanwhile.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from vivavoce.graders import AnswerInput, grade
from vivavoce.graders.models.embedder import build_embedder
from vivavoce.graders.panel import build_shipped_panel
from vivavoce.graders.testing import ScriptedJudge
from vivavoce.rubrics import default_bank
from vivavoce.service.settings import Settings

from .judge_benchmark import make_answers

QUESTIONS = ("distillation", "quantization", "retrieval")


def main(*, questions: Sequence[str] = QUESTIONS, batches: int = 3) -> None:
    """Measure so many batches of answers to each question, and print milliseconds per answer for each language."""
    settings = Settings()
    embedder = build_embedder(settings.embedding_model)
    panel = build_shipped_panel(embedder=embedder, judge=ScriptedJudge())
    size = settings.batch_size
    for language in ("en", "zh"):
        spent, count = 0.0, 0
        for question in questions:
            rubric = default_bank().get(question, language)
            answers = [AnswerInput(raw=raw) for raw in make_answers(rubric, count=(batches + 1) * size, seed=7)]
            # The rubric's own sentences are embedded once, with the first batch.
            grade(answers[:size], rubric, panel)
            began = time.process_time()
            for start in range(size, len(answers), size):
                grade(answers[start : start + size], rubric, panel)
            spent += time.process_time() - began
            count += len(answers) - size
        print(f"{embedder.name}, {language}: {spent / count * 1000:.0f} ms of processor an answer ({count} answers)")


if __name__ == "__main__":
    main()
