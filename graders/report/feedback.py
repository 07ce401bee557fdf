"""Composes feedback texts in both languages from the results of the criteria.

The interviewer reads reasons and the answer key. The candidate reads names of criteria that `answer_key` has cleared,
and nothing of the key.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from ..types import CriterionResult, Feedback, Flag

FeedbackLanguage = Literal["zh", "en"]

_PHRASES: dict[FeedbackLanguage, dict[str, str]] = {
    "en": {
        "met": "Met (estimate: {share})",
        "partly": "Partly met (estimate: {share})",
        "missing": "Not found in the answer (estimate: {share})",
        "mistake": "The answer makes this mistake (probability: {share})",
        "no_mistake": "The answer does not make this mistake (probability that it does: {share})",
        "unscored": "No verdict: {reason}",
        "quote": "; evidence: “{quote}”",
        "judge_reason": "; the judge's reason: {reason}",
        "points": "{title}: {points:.1f} of {maximum:g} points. {reason}.",
        "no_points": "{title}: {reason}.",
        "not_judged": "{title}: {reason}",
        "not_covered": "  not covered: {text}",
        "well": "You covered these well: {titles}.",
        "more": "You could say more about: {titles}.",
        "absent": "Your answer does not cover: {titles}.",
        "check": "Please double-check what you said about: {titles}.",
        "pending": "Part of your answer has not been graded yet.",
        "joiner": "; ",
        Flag.EMPTY: "{subject} has no content to grade.",
        Flag.NON_ANSWER: "{subject} says no more than “I don't know”.",
        Flag.COPIED_QUESTION: "{subject} repeats the question and adds nothing to it.",
        Flag.OFF_TOPIC: "{subject} does not address the question.",
        Flag.SPEAKERS_UNCLEAR: "The transcript does not show which words are the candidate's: a person will grade it.",
        Flag.UNREAD_PICTURE: "The answer is in a picture or recording: a person will grade it.",
        Flag.ANSWER_LOST: "The answer was lost before grading: its place holds an error value of a spreadsheet.",
        "whole": "The answer",
        "rest": "The rest of the answer",
        "candidate_all_masked": "Your answer seems to address the grader and was left out of the grading. A person "
        "will read it.",
        "candidate_masked": "Passages of your answer that seem to address the grader were left out of the grading. A "
        "person will read your answer.",
        "interviewer_all_masked": "The whole answer seems to address the grader and was left out of the grading, so "
        "its score is open: please read the answer.",
        "interviewer_masked": "Passages that seem to address the grader were left out of the grading, so the score is "
        "uncertain: please read the answer.",
        "masked": "Excluded from grading because it addresses the grader: “{quote}”",
    },
    "zh": {
        "met": "已达到（估计值 {share}）",
        "partly": "部分达到（估计值 {share}）",
        "missing": "回答中未找到（估计值 {share}）",
        "mistake": "回答中有这一错误（可能性 {share}）",
        "no_mistake": "回答中没有这一错误（出现的可能性 {share}）",
        "unscored": "未能判定：{reason}",
        "quote": "；依据：“{quote}”",
        "judge_reason": "；评审模型的理由：{reason}",
        "points": "{title}：{points:.1f} / {maximum:g} 分。{reason}。",
        "no_points": "{title}：{reason}。",
        "not_judged": "{title}：{reason}",
        "not_covered": "  未提及：{text}",
        "well": "答得好的方面：{titles}。",
        "more": "可以进一步展开：{titles}。",
        "absent": "回答中尚未涉及：{titles}。",
        "check": "以下方面的说法请再核实：{titles}。",
        "pending": "部分内容尚未评分。",
        "joiner": "；",
        Flag.EMPTY: "{subject}中没有可评分的内容。",
        Flag.NON_ANSWER: "{subject}只表示不知道，没有作答。",
        Flag.COPIED_QUESTION: "{subject}只是重复了题目，没有补充内容。",
        Flag.OFF_TOPIC: "{subject}与题目无关。",
        Flag.SPEAKERS_UNCLEAR: "对话记录无法区分哪些话是候选人说的，将由人工评分。",
        Flag.UNREAD_PICTURE: "回答内容在图片或音视频中，将由人工评分。",
        Flag.ANSWER_LOST: "回答在评分之前已丢失：原位置只有电子表格的错误值。",
        "whole": "回答",
        "rest": "回答的其余部分",
        "candidate_all_masked": "你的回答看起来是写给评分者的，未参与评分，之后会有人工查看。",
        "candidate_masked": "你的回答中有些内容看起来是写给评分者的，未参与评分，之后会有人工查看。",
        "interviewer_all_masked": "整段回答看起来是写给评分者的，未参与评分，分数因此未定，请人工查看原文。",
        "interviewer_masked": "回答中有些内容看起来是写给评分者的，未参与评分，分数因此不确定，请人工查看原文。",
        "masked": "以下内容是对评分者说的，未参与评分：“{quote}”",
    },
}
# Shares from which a criterion is met, and partly met.
_MET, _PARTLY = 0.67, 0.33
_MISTAKE = 0.5


def explain_criterion(
    *,
    language: FeedbackLanguage,
    kind: str,
    share: float,
    quote: str | None,
    judge_reason: str | None = None,
) -> str:
    """One sentence on a criterion, without its full stop, for the interviewer.

    `share` (0 to 1) is the part of the points that was reached; for a mistake or a gate, the probability that the
    mistake was made or the gate is met. `quote` is only used for what was at least partly met.
    """
    phrases = _PHRASES[language]
    is_mistake = kind == "negative"
    if is_mistake:
        name = "mistake" if share >= _MISTAKE else "no_mistake"
    else:
        name = _grade_share(share, met="met", partly="partly", missing="missing")
    text = phrases[name].format(share=f"{share:.0%}")
    if quote and not is_mistake and share >= _PARTLY:
        text += phrases["quote"].format(quote=quote)
    if judge_reason:
        # The caller ends the sentence.
        text += phrases["judge_reason"].format(reason=judge_reason.rstrip(".。"))
    return text


def remove_judge_reason(text: str) -> str:
    """A sentence of `explain_criterion` without the judge's reason, which may state the answer key."""
    for phrases in _PHRASES.values():
        text = text.partition(phrases["judge_reason"].partition("{")[0])[0]
    return text


def explain_failure(*, language: FeedbackLanguage, cause: str) -> str:
    """One sentence on a criterion without a verdict."""
    return _PHRASES[language]["unscored"].format(reason=cause)


def explain_fact(*, language: FeedbackLanguage, fact: Flag, of_rest: bool) -> str:
    """One sentence on the fact that makes the score 0; `of_rest` says that a part of the answer was masked."""
    phrases = _PHRASES[language]
    if fact is Flag.INJECTION_SUSPECTED:
        return phrases["interviewer_all_masked"]
    return phrases[fact].format(subject=phrases["rest" if of_rest else "whole"])


def compose_feedback(
    criteria: Sequence[CriterionResult],
    *,
    language: FeedbackLanguage,
    settled: Flag | None,
    masked_quotes: Sequence[str],
    names: Mapping[str, str],
) -> Feedback:
    """Feedback for both readers.

    `settled` is the fact that makes the score 0 or leaves it open, if there is one; criteria are then left out. It is
    `injection_suspected` if the whole answer was masked. `masked_quotes` are the passages that no model read. `names`
    has the name of each criterion that the candidate may see, by identifier.
    """
    phrases = _PHRASES[language]
    for_candidate, for_interviewer = [], []
    extent = "all_masked" if settled is Flag.INJECTION_SUSPECTED else "masked"
    if masked_quotes or extent == "all_masked":
        for_candidate.append(phrases[f"candidate_{extent}"])
        for_interviewer.append(phrases[f"interviewer_{extent}"])
    if settled is None:
        for_candidate += _write_for_candidate(criteria, phrases, names)
        for_interviewer += _write_for_interviewer(criteria, phrases)
    elif extent == "masked":
        fact = explain_fact(language=language, fact=settled, of_rest=bool(masked_quotes))
        for_candidate.append(fact)
        for_interviewer.append(fact)
    for_interviewer += [phrases["masked"].format(quote=quote) for quote in masked_quotes]
    return Feedback(language=language, candidate="\n".join(for_candidate), interviewer="\n".join(for_interviewer))


def share_of_points(criterion: CriterionResult) -> float:
    """Part (0 to 1) of a criterion's points that was reached; for a gate, the probability that it is met.

    0 for a criterion without a verdict.
    """
    if criterion.probabilities is None or criterion.points is None:
        return 0.0
    if criterion.max_points == 0:
        return criterion.probabilities[-1]
    return criterion.points / criterion.max_points


def _grade_share(share: float, *, met: str, partly: str, missing: str) -> str:
    return met if share >= _MET else partly if share >= _PARTLY else missing


def _write_for_candidate(
    criteria: Sequence[CriterionResult], phrases: dict[str, str], names: Mapping[str, str]
) -> list[str]:
    """A line for each group of criteria; gates and mistakes that were not made are not mentioned."""
    groups: dict[str, list[str]] = {"well": [], "more": [], "absent": [], "check": [], "pending": []}
    for criterion in criteria:
        share = share_of_points(criterion)
        if criterion.points is None:
            groups["pending"].append(names[criterion.id])
        elif criterion.kind == "negative":
            if share >= _MISTAKE:
                groups["check"].append(names[criterion.id])
        elif criterion.kind != "gate":
            groups[_grade_share(share, met="well", partly="more", missing="absent")].append(names[criterion.id])
    return [phrases[name].format(titles=phrases["joiner"].join(titles)) for name, titles in groups.items() if titles]


def _write_for_interviewer(criteria: Sequence[CriterionResult], phrases: dict[str, str]) -> list[str]:
    """A line for each criterion, followed by its expected points that are missing, unless it is met."""
    lines: list[str] = []
    for criterion in criteria:
        if criterion.points is None:
            lines.append(phrases["not_judged"].format(title=criterion.title, reason=criterion.reason))
            continue
        # A gate has no points: "0.0 of 0" says nothing.
        template = phrases["no_points" if criterion.kind == "gate" else "points"]
        lines.append(
            template.format(
                title=criterion.title,
                # Adding 0 turns a rounded "-0.0" into "0.0".
                points=round(criterion.points, 1) + 0.0,
                maximum=criterion.max_points,
                reason=criterion.reason,
            )
        )
        lines += [
            phrases["not_covered"].format(text=point.text)
            for point in criterion.expected_points
            if not point.found and share_of_points(criterion) < _MET
        ]
    return lines
