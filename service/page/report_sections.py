"""What the HTML report shows of one answer: its row in the table, and its section in the answer's own language."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from vivavoce.graders.scoring.confidence import WITHIN_POINTS
from vivavoce.graders.types import Flag
from vivavoce.rubrics import Language, Rubric

from ..api.schemas.gradings.lifecycle import GradingPublic
from .report_criteria import CriterionView, build_criteria
from .report_labels import LABELS, format_points, format_share
from .report_markup import list_unread_kinds, mark_answer
from .report_scores import find_score, name_missing_score, score_bounds, write_bounds, write_points
from .report_words import SIGNALS, STRICTNESS, Wording, describe_flag, describe_reason, describe_state

# Shares of 0 to 1 from which a confidence is called high, and medium.
_HIGH_CONFIDENCE, _MEDIUM_CONFIDENCE = 0.8, 0.6
# Facts about an answer that settle its score without a model.
_FACTS = {Flag.EMPTY, Flag.NON_ANSWER, Flag.COPIED_QUESTION}


@dataclass(frozen=True)
class OverviewRow:
    """An answer's row in the table, in the language of the page; `question` is in that of the question."""

    number: int
    name: str
    question: str
    question_language: str
    grading_state: str
    score: float | None
    bounds: tuple[float, float] | None
    human_grade: float | None
    state: str
    no_score: str
    points: str
    bounds_text: str
    confidence: str
    remarks: str

    @property
    def groups(self) -> str:
        """The groups that the page can be filtered by, as CSS classes."""
        return _name_groups(self.grading_state, self.score)


@dataclass(frozen=True)
class AnswerView:
    """An answer's section; all texts are plain but `answer`, which is escaped HTML."""

    number: int
    name: str
    source: str
    question: str
    labels: Mapping[str, str]
    grading: GradingPublic
    report: Mapping[str, Any]
    score: float | None
    points: str
    bounds: tuple[float, float] | None
    bounds_text: str
    human_grade: float | None
    state: Wording
    reason: Wording | None
    wait: str | None
    flags: Sequence[Wording]
    confidence: str
    confidence_share: str
    confidence_sentence: str
    pass_mark: float | None
    answer: Markup
    has_evidence: bool
    has_unread: bool
    criteria: Sequence[CriterionView]
    contributions: Sequence[tuple[str, str]]
    facts: Sequence[tuple[str, str]]

    @property
    def no_score(self) -> str:
        """What stands in place of a score: that it is open, or that there is none."""
        return name_missing_score(self.report, self.labels)

    @property
    def groups(self) -> str:
        """The groups that the page can be filtered by, as CSS classes."""
        return _name_groups(self.grading.state, self.score)


def section_language(grading: GradingPublic) -> Language:
    """The language of the feedback, or without a report that of the question."""
    language = grading.report["feedback"]["language"] if grading.report else grading.language
    return "zh" if language == "zh" else "en"


def build_section(
    number: int,
    *,
    source: str,
    question: str,
    answer: str,
    grading: GradingPublic,
    human_grade: float | None,
    rubric: Rubric | None,
    wait: str | None = None,
    with_key: bool = True,
) -> AnswerView:
    """The view of the answer with this number in the report, from 1.

    `source` is its line in a file, or words; `rubric` None stands for that of the bank.
    """
    language = section_language(grading)
    labels = LABELS[language]
    report = grading.report or {}
    source = _name_source(source, labels)
    level, share, sentence = _describe_confidence(report, labels)
    return AnswerView(
        number=number,
        name=grading.candidate or source,
        source=source if grading.candidate else "",
        question=question,
        labels=labels,
        grading=grading,
        report=report,
        score=find_score(report),
        points=write_points(report, labels),
        bounds=(bounds := score_bounds(grading)),
        bounds_text=write_bounds(bounds, labels),
        human_grade=human_grade,
        state=describe_state(grading.state, language),
        reason=describe_reason(grading.reason, language) if grading.reason else None,
        wait=wait,
        flags=[describe_flag(flag, language) for flag in report.get("flags", ())],
        confidence=level,
        confidence_share=share,
        confidence_sentence=sentence,
        pass_mark=report.get("provenance", {}).get("pass_mark"),
        answer=mark_answer(answer, report, language),
        has_evidence=any(criterion["evidence"] for criterion in report.get("criteria", ())),
        has_unread=bool(list_unread_kinds(report)),
        criteria=build_criteria(grading, rubric, language, with_key=with_key),
        contributions=[
            (SIGNALS[signal][language] if signal in SIGNALS else signal, format_points(value, sign=True))
            for signal, value in report.get("contributions", {}).items()
        ],
        facts=_list_answer_facts(grading, language) if report else [],
    )


def build_overview(
    number: int, source: str, question: str, grading: GradingPublic, human_grade: float | None, language: Language
) -> OverviewRow:
    """The row of the answer with this number in the table, in this language."""
    labels, report = LABELS[language], grading.report or {}
    word, share, _ = _describe_confidence(report, labels)
    remarks = [describe_reason(grading.reason, language).label] if grading.reason else []
    remarks += [describe_flag(flag, language).label for flag in report.get("flags", ())]
    bounds = score_bounds(grading)
    return OverviewRow(
        number=number,
        name=grading.candidate or _name_source(source, labels),
        question=question,
        question_language=grading.language,
        grading_state=grading.state,
        score=find_score(report),
        bounds=bounds,
        human_grade=human_grade,
        state=describe_state(grading.state, language).label,
        no_score=name_missing_score(report, labels),
        points=write_points(report, labels),
        bounds_text=write_bounds(bounds, labels),
        confidence=labels["in_brackets"].format(word=word, share=share) if word else "–",
        remarks=labels["semicolon"].join(remarks),
    )


def list_facts(provenances: Sequence[Mapping[str, Any]], language: Language) -> list[tuple[str, str]]:
    """Names and values of what graded: a value that differs between reports is given once each, sorted."""
    if not provenances:
        return []
    labels = LABELS[language]

    def join_values(*names: str) -> str:
        texts = {" ".join(str(provenance.get(name, "")) for name in names).strip() for provenance in provenances}
        return labels["comma"].join(sorted(texts))

    def sum_values(name: str) -> int:
        return sum(provenance.get(name, 0) for provenance in provenances)

    strictness = {STRICTNESS[provenance.get("strictness")][language] for provenance in provenances}
    tokens, cached = sum_values("tokens_in"), sum_values("tokens_cached")
    share = {"total": f"{tokens:,}", "share": format_share(cached / tokens if tokens else 0)}
    return [
        (labels["engine"], join_values("engine")),
        (labels["model"], join_values("model")),
        (labels["model_revision"], join_values("model_revision")),
        (labels["prompt_form"], join_values("prompt_form")),
        (labels["prompt_hash"], join_values("prompt_hash")),
        (labels["embedding"], join_values("embedding_model", "embedding_revision")),
        (labels["verifier"], join_values("verifier_model", "verifier_revision")),
        (labels["combiner"], join_values("combiner_version")),
        (labels["strictness"], labels["semicolon"].join(sorted(strictness))),
        (labels["judge_calls"], f"{sum_values('judge_calls'):,}"),
        (labels["cached_verdicts"], f"{sum_values('cached_verdicts'):,}"),
        (labels["tokens"], labels["tokens_cached"].format(**share) if cached else share["total"]),
    ]


def _name_groups(state: str, score: float | None) -> str:
    """`review`, `unscored`, both or none."""
    return " ".join(["review"] * (state == "needs_review") + ["unscored"] * (score is None))


def _name_source(source: str, labels: Mapping[str, str]) -> str:
    """A line of a file as "Row 3"; words as they are, with blanks for underscores."""
    return labels["row"].format(line=source) if source.isdigit() else source.replace("_", " ")


def _describe_confidence(report: Mapping[str, Any], labels: Mapping[str, str]) -> tuple[str, str, str]:
    """The confidence as a word, a percentage and a sentence; empty without a score."""
    if find_score(report) is None:
        return "", "", ""
    # As shown, so that equal percentages have the same word.
    confidence = round(report["confidence"], 2)
    # The share of scores to review moves, so the flag may be set above the fixed bound.
    if Flag.LOW_CONFIDENCE in report["flags"] or confidence < _MEDIUM_CONFIDENCE:
        word = "low"
    else:
        word = "high" if confidence >= _HIGH_CONFIDENCE else "medium"
    share = format_share(confidence)
    if _FACTS & set(report["flags"]) and not report.get("masked"):
        return labels[word], share, labels["certain"]
    return labels[word], share, labels["likely"].format(share=share, points=f"{WITHIN_POINTS:g}")


def _list_answer_facts(grading: GradingPublic, language: Language) -> list[tuple[str, str]]:
    assert grading.report
    labels, provenance = LABELS[language], grading.report["provenance"]
    earlier = [
        f"{labels['no_score'] if item['score'] is None else format_points(item['score'])} ({item['rubric_hash'][:12]})"
        for item in provenance.get("recomputed_from", ())
    ]
    return [
        (labels["grading"], grading.id),
        (labels["rubric_hash"], provenance["rubric_hash"]),
        (labels["answer_hash"], provenance["answer_hash"]),
        *list_facts([provenance], language),
        *([(labels["earlier"], labels["comma"].join(earlier))] if earlier else []),
    ]
