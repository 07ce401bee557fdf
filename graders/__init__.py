"""Who judges: screening, word overlap, embeddings, a verifier and an LLM judge, combined into one report."""

from .errors import GraderError, JudgeFailure, ModelMissing, UnscoredReason
from .grade import answer_hash, grade
from .panel import Panel, build_panel
from .types import MAX_SCORE, AnswerInput, CriterionResult, Evidence, Flag, Report

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
