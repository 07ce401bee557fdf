"""Words for the people who read a report, composed from the facts of the verdicts.

The interviewer gets the reasons and the key; the candidate gets the names of the criteria as `answer_key` has made sure
of them, and nothing of the key.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from ..types import CriterionResult, Feedback, Flag

FeedbackLanguage = Literal["zh", "en"]

_PHRASES: dict[FeedbackLanguage, dict[str, str]] = {
    "en": {
        "met": "Met ({share})",
        "partly": "Reached in part ({share} of its points)",
        "missing": "Not found in the answer (chance that it is there: {share})",
        "mistake": "The mistake is in the answer (chance: {share})",
        "no_mistake": "The mistake was not made (chance that it was: {share})",
        "unscored": "No verdict: {reason}",
        "nearest": "; nearest: “{quote}”",
        "judge_said": "; the judge says: {said}",
        "points": "{title}: {points:.1f} of {maximum:g}. {reason}.",
        "not_said": "  not said: {text}",
        "well": "You covered well: {titles}.",
        "more": "Say more about: {titles}.",
        "absent": "Not yet in your answer: {titles}.",
        "check": "Check once more what you said here: {titles}.",
        "pending": "Part of your answer has not been judged yet.",
        "joiner": "; ",
        Flag.EMPTY: "The answer has no content to grade.",
        Flag.NON_ANSWER: "The answer says that the candidate does not know.",
        Flag.COPIED_QUESTION: "The answer repeats the question and adds nothing to it.",
        Flag.OFF_TOPIC: "The answer is not about the question.",
        "masked": "Not read by the judge, because it speaks to the grader: “{quote}”",
    },
    "zh": {
        "met": "已达到（{share}）",
        "partly": "部分达到（得到该项分值的 {share}）",
        "missing": "回答中没有找到（存在的可能性：{share}）",
        "mistake": "回答中有这个错误（可能性：{share}）",
        "no_mistake": "没有犯这个错误（犯错的可能性：{share}）",
        "unscored": "没有判定：{reason}",
        "nearest": "；最接近的句子：“{quote}”",
        "judge_said": "；评审模型的理由：{said}",
        "points": "{title}：{points:.1f} / {maximum:g}。{reason}。",
        "not_said": "  未说到：{text}",
        "well": "答得好的方面：{titles}。",
        "more": "可以再展开：{titles}。",
        "absent": "回答中还没有涉及：{titles}。",
        "check": "请再核对这方面的说法：{titles}。",
        "pending": "回答中有一部分还没有评判。",
        "joiner": "；",
        Flag.EMPTY: "回答没有可评分的内容。",
        Flag.NON_ANSWER: "考生表示不知道。",
        Flag.COPIED_QUESTION: "回答只是重复了题目，没有补充内容。",
        Flag.OFF_TOPIC: "回答与题目无关。",
        "masked": "以下内容是说给评分者听的，评判时没有采用：“{quote}”",
    },
}
_MET, _PARTLY = 0.67, 0.33


def reason(
    *,
    language: FeedbackLanguage,
    kind: str,
    share: float,
    quote: str | None,
    said: str | None = None,
) -> str:
    """One sentence on a criterion; `share` (0 to 1) is the part of its points that was reached.

    `said` is what the judge gave as its reason, for the interviewer.
    """
    phrases = _PHRASES[language]
    percent = f"{share:.0%}"
    if kind == "negative":
        text = phrases["mistake" if share >= 0.5 else "no_mistake"].format(share=percent)
    elif share >= _MET:
        text = phrases["met"].format(share=percent)
    elif share >= _PARTLY:
        text = phrases["partly"].format(share=percent)
    else:
        text = phrases["missing"].format(share=percent)
    if quote and (kind != "negative" and share >= _PARTLY):
        text += phrases["nearest"].format(quote=quote)
    if said:
        text += phrases["judge_said"].format(said=said.rstrip(".。"))
    return text


def unscored_reason(*, language: FeedbackLanguage, why: str) -> str:
    """One sentence on a criterion without a verdict."""
    return _PHRASES[language]["unscored"].format(reason=why)


def compose(
    criteria: Sequence[CriterionResult],
    *,
    language: FeedbackLanguage,
    settled: Flag | None,
    masked_quotes: Sequence[str],
    names: Mapping[str, str],
) -> Feedback:
    """Feedback for both readers; `names` are those that the candidate may see, by criterion."""
    phrases = _PHRASES[language]
    notes = [phrases["masked"].format(quote=quote) for quote in masked_quotes]
    if settled:
        return Feedback(
            language=language,
            candidate=phrases[settled],
            interviewer="\n".join([phrases[settled], *notes]),
        )
    return Feedback(
        language=language,
        candidate=_for_candidate(criteria, phrases, names),
        interviewer="\n".join([*_for_interviewer(criteria, phrases), *notes]),
    )


def _for_candidate(criteria: Sequence[CriterionResult], phrases: dict[str, str], names: Mapping[str, str]) -> str:
    groups: dict[str, list[str]] = {"well": [], "more": [], "absent": [], "check": [], "pending": []}
    for criterion in criteria:
        if criterion.points is None:
            groups["pending"].append(names[criterion.id])
        elif criterion.kind == "negative":
            if share_of(criterion) >= 0.5:
                groups["check"].append(names[criterion.id])
        elif criterion.kind != "gate":
            share = share_of(criterion)
            groups["well" if share >= _MET else "more" if share >= _PARTLY else "absent"].append(names[criterion.id])
    lines = [phrases[name].format(titles=phrases["joiner"].join(titles)) for name, titles in groups.items() if titles]
    return "\n".join(lines)


def _for_interviewer(criteria: Sequence[CriterionResult], phrases: dict[str, str]) -> list[str]:
    lines: list[str] = []
    for criterion in criteria:
        if criterion.points is None:
            lines.append(f"{criterion.title}: {criterion.reason}")
            continue
        lines.append(
            phrases["points"].format(
                title=criterion.title,
                points=criterion.points,
                maximum=criterion.max_points,
                reason=criterion.reason,
            )
        )
        lines += [
            phrases["not_said"].format(text=point.text)
            for point in criterion.expected_points
            if not point.found and share_of(criterion) < _MET
        ]
    return lines


def share_of(criterion: CriterionResult) -> float:
    """Part (0 to 1) of a criterion's points that was reached; for a gate, the chance that it was met."""
    if criterion.probabilities is None or criterion.points is None:
        return 0.0
    if criterion.max_points == 0:
        return criterion.probabilities[-1]
    return criterion.points / criterion.max_points
