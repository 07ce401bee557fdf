"""Answers that name a mistake only to reject it: a grader must not hold it against the candidate."""

from __future__ import annotations

import re
from collections.abc import Iterator

from vivavoce.rubrics import Criterion, Language, QualificationSet, Rubric

_CLAIM: dict[Language, re.Pattern[str]] = {
    "en": re.compile(r"The answer (?:claims(?: as a certainty)?|says|states) that (?P<claim>.+?)\.?$", re.DOTALL),
    "zh": re.compile(r"回答(?:声称|断言|说|主张|认为)(?P<claim>.+?)。?$", re.DOTALL),
}
_REJECTED: dict[Language, str] = {
    "en": " By the way, people sometimes say that {claim}, which is wrong.",
    "zh": "顺便说一句，有人说{claim}，这是不对的。",
}


def write_rejecting_answers(rubric: Rubric, answers: QualificationSet) -> Iterator[tuple[Criterion, str]]:
    """For each mistake that claims something, its criterion and the excellent answer with a rejection of the claim.

    Mistakes whose statement quotes no claim ("The answer insults ...") are left out: they cannot be rejected.
    """
    language = rubric.question.language
    excellent = next(answer for answer in answers.answers if answer.level == "excellent").text(language)
    for criterion in rubric.criteria:
        claim = _CLAIM[language].match(criterion.levels[-1].description)
        if criterion.kind == "negative" and claim:
            yield criterion, excellent + _REJECTED[language].format(claim=claim["claim"])
