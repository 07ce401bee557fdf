"""Grades answers: screening, word overlap, embeddings, a verifier and an LLM judge, combined into one report."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .errors import GraderError, JudgeFailure, ModelMissing, UnscoredReason
from .reading.normal_text import answer_hash
from .types import MAX_SCORE, AnswerInput, CriterionResult, Evidence, Flag, Report

if TYPE_CHECKING:
    from .panel import Panel, build_panel
    from .pipeline import grade

__all__ = [
    "MAX_SCORE",
    "AnswerInput",
    "CriterionResult",
    "Evidence",
    "Flag",
    "GraderError",
    "JudgeFailure",
    "ModelMissing",
    "Panel",
    "Report",
    "UnscoredReason",
    "answer_hash",
    "build_panel",
    "grade",
]
# Imported on first use, so that the API loads no model.
_LAZY = {"grade": ".pipeline", "Panel": ".panel", "build_panel": ".panel"}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(import_module(_LAZY[name], __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
