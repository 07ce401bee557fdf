"""Prompt injections: sentences that address the grader instead of the question. No model reads them.

The questions are about language models. Models ignore tokens, gates forget, layers are skipped, prompts have a system
part, judges score and reviewers agree in answers that are correct. So a pattern has to require that a reader is told to
do something about the grade, or that this very answer is called good, and a sentence that reports such words is read.
"""

from .find import Injections, find_injections, holds_attack, list_rules
from .patterns import InjectionPattern, ReportPattern, read_patterns, read_report_patterns

__all__ = [
    "InjectionPattern",
    "Injections",
    "ReportPattern",
    "find_injections",
    "holds_attack",
    "list_rules",
    "read_patterns",
    "read_report_patterns",
]
