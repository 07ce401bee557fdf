"""Rubrics: questions, criteria with their levels, expected points and reference answers."""

from .criteria import BinaryCriterion, Criterion, GateCriterion, Level, NegativeCriterion, OrdinalCriterion
from .edits import Change, Edit, Effect, compare
from .errors import InvalidRubric, RubricError, RubricUnreadable, UnknownQuestion
from .hashing import content_hash, structure_hash
from .loader import Bank, default_bank, load_bank, load_rubric
from .model import ExpectedPoint, GradedExample, Language, Question, Reference, Rubric, SignalWeights
from .qualification import QualificationAnswer, QualificationSet, load_qualification, load_qualifications
from .total import Total, cap_share, list_caps, total_share

__all__ = [
    "Bank",
    "BinaryCriterion",
    "Change",
    "Criterion",
    "Edit",
    "Effect",
    "ExpectedPoint",
    "GateCriterion",
    "GradedExample",
    "InvalidRubric",
    "Language",
    "Level",
    "NegativeCriterion",
    "OrdinalCriterion",
    "QualificationAnswer",
    "QualificationSet",
    "Question",
    "Reference",
    "Rubric",
    "RubricError",
    "RubricUnreadable",
    "SignalWeights",
    "Total",
    "UnknownQuestion",
    "cap_share",
    "compare",
    "content_hash",
    "default_bank",
    "list_caps",
    "load_bank",
    "load_qualification",
    "load_qualifications",
    "load_rubric",
    "structure_hash",
    "total_share",
]
