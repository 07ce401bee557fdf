"""`viva bench forms`: which form of the prompt agrees best with people, and what it costs.

Answers that people graded are judged in every form by the same judge. Each question becomes a rubric of at most three
binary criteria, the sentences of its reference; few-shot forms see the best and the worst graded answer to the
question, neither of which is judged.
"""

from .comparison import FormFigures, compare_forms
from .outcomes import FORMS, Outcome, run_forms
from .questions import GradedAnswer, GradedQuestion, sample_questions

__all__ = [
    "FORMS",
    "FormFigures",
    "GradedAnswer",
    "GradedQuestion",
    "Outcome",
    "compare_forms",
    "run_forms",
    "sample_questions",
]
