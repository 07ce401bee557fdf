"""What is judged: questions, criteria with their levels, expected points and reference answers."""

from .errors import InvalidRubric, RubricError, RubricUnreadable, UnknownQuestion
from .hashing import content_hash, structure_hash
from .loader import Bank, default_bank, load_bank, load_rubric
from .model import (
    BinaryCriterion,
    Criterion,
    ExpectedPoint,
    GateCriterion,
    GradedExample,
    Language,
    Level,
    NegativeCriterion,
    OrdinalCriterion,
    Question,
    Reference,
    Rubric,
)

__all__ = [
    "Bank",
    "BinaryCriterion",
    "Criterion",
    "ExpectedPoint",
    "GateCriterion",
    "GradedExample",
    "InvalidRubric",
    "Language",
    "Level",
    "NegativeCriterion",
    "OrdinalCriterion",
    "Question",
    "Reference",
    "Rubric",
    "RubricError",
    "RubricUnreadable",
    "UnknownQuestion",
    "content_hash",
    "default_bank",
    "load_bank",
    "load_rubric",
    "structure_hash",
]
