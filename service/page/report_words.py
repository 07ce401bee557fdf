"""Words of the HTML report in English and Chinese: states, flags, reasons, levels and the page's own labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from vivavoce.graders.errors import UnscoredReason
from vivavoce.graders.types import Flag
from vivavoce.rubrics import Language

from ..storage.tables import State


@dataclass(frozen=True)
class Wording:
    """An identifier in words: a label of a few words for tables, and a sentence that explains it."""

    label: str
    sentence: str


def _pair_words(en: str, en_sentence: str, zh: str, zh_sentence: str) -> dict[Language, Wording]:
    return {"en": Wording(en, en_sentence), "zh": Wording(zh, zh_sentence)}


_STATES: dict[str, dict[Language, Wording]] = {
    State.QUEUED: _pair_words("Waiting", "The answer is waiting to be graded.", "排队中", "回答正在排队等待评分。"),
    State.RUNNING: _pair_words("Being graded", "The answer is being graded.", "评分中", "回答正在评分。"),
    State.GRADED: _pair_words("Graded", "No review is needed.", "已评分", "无需人工复核。"),
    State.NEEDS_REVIEW: _pair_words("To review", "A person should check this answer.", "待复核", "需要人工复核。"),
    State.FAILED: _pair_words("Failed", "The answer could not be graded.", "评分失败", "该回答未能完成评分。"),
    State.DEAD: _pair_words(
        "Stopped",
        "The worker failed several times on this answer, so grading was stopped.",
        "已中止",
        "处理该回答的工作进程多次异常退出，已停止重试。",
    ),
    State.CANCELLED: _pair_words("Cancelled", "The grading was cancelled.", "已取消", "评分任务已取消。"),
}

_FLAGS: dict[str, dict[Language, Wording]] = {
    Flag.EMPTY: _pair_words(
        "Empty", "The answer has no content, so it scores 0.", "空白回答", "回答没有实际内容，记 0 分。"
    ),
    Flag.NON_ANSWER: _pair_words(
        "Does not know",
        "The candidate says that they do not know, so it scores 0.",
        "表示不会",
        "候选人表示不知道，记 0 分。",
    ),
    Flag.COPIED_QUESTION: _pair_words(
        "Repeats the question",
        "The answer repeats the question and adds nothing, so it scores 0.",
        "照抄题目",
        "回答只是重复题目，没有补充内容，记 0 分。",
    ),
    Flag.OFF_TOPIC: _pair_words(
        "Off topic",
        "Nothing in the answer bears on the question, so it scores 0.",
        "答非所问",
        "回答与题目无关，记 0 分。",
    ),
    Flag.SPEAKERS_UNCLEAR: _pair_words(
        "Speakers unclear",
        "The transcript does not show which words are the candidate's, so nothing was graded.",
        "说话人不明",
        "对话记录无法区分哪些话是候选人说的，因此没有评分。",
    ),
    Flag.UNREAD_PICTURE: _pair_words(
        "Picture not read",
        "The answer has a picture or a recording, which only a person can look at.",
        "含未读取的图片",
        "回答中有图片或音视频，系统无法读取，需要人工查看。",
    ),
    Flag.ANSWER_LOST: _pair_words(
        "Answer lost",
        "In place of the answer stands an error value of a spreadsheet: ask for the answer again.",
        "回答丢失",
        "回答的位置只有电子表格的错误值，请重新获取回答。",
    ),
    Flag.INJECTION_SUSPECTED: _pair_words(
        "Possible injection",
        "Part of the answer seems meant to influence the grade.",
        "疑似提示注入",
        "回答中有内容疑似企图影响评分。",
    ),
    Flag.HIDDEN_CHARACTERS: _pair_words(
        "Hidden characters",
        "Invisible characters in the answer were ignored.",
        "含不可见字符",
        "回答中含有不可见字符，评分时已忽略。",
    ),
    Flag.PARTLY_READ: _pair_words(
        "Read in part",
        "Answer or rubric is longer than what the models read, so a person must read the rest.",
        "仅部分读取",
        "回答或评分标准超出模型的读取上限，其余部分须由人工阅读。",
    ),
    Flag.SIGNALS_DISAGREE: _pair_words(
        "Signals disagree",
        "The judge and the other signals are 5 points or more apart, which lowers the confidence.",
        "信号不一致",
        "评审模型与其他信号相差 5 分及以上，置信度因此降低。",
    ),
    Flag.JUDGES_DISAGREE: _pair_words(
        "Judges disagree",
        "The judges of the panel contradict each other on a criterion.",
        "评审不一致",
        "多个评审模型对同一评分项的判断相互矛盾。",
    ),
    Flag.LOW_CONFIDENCE: _pair_words(
        "Low confidence",
        "The score is among the least certain ones.",
        "置信度低",
        "该分数属于最不确定的一批。",
    ),
    Flag.NEAR_PASS_MARK: _pair_words(
        "Near the pass mark",
        "A small error would decide between pass and fail.",
        "临近及格线",
        "稍有误差就会改变是否及格的结论。",
    ),
    Flag.RUBRIC_CHANGED: _pair_words(
        "Rubric changed",
        "The rubric was edited after this grading; only grading again applies the edit.",
        "评分标准已修改",
        "评分之后评分标准又有修改，重新评分后才会生效。",
    ),
}

# The last two are set by the queue, not by a grader.
_REASONS: dict[str, dict[Language, Wording]] = {
    UnscoredReason.INFRASTRUCTURE: _pair_words(
        "Judge unavailable",
        "The judge could not be reached, or its server failed.",
        "评审模型不可用",
        "无法连接评审模型，或评审服务出错。",
    ),
    UnscoredReason.TIMEOUT: _pair_words(
        "Timeout", "The judge did not reply in time.", "评审超时", "评审模型未在规定时间内返回结果。"
    ),
    UnscoredReason.TRUNCATED: _pair_words(
        "Reply cut off",
        "The judge's reply ended before its verdict.",
        "回复被截断",
        "评审模型的回复在给出判定之前就被截断。",
    ),
    UnscoredReason.PARSE: _pair_words(
        "Unreadable reply",
        "No verdict could be read from the judge's reply.",
        "回复无法解析",
        "无法从评审模型的回复中解析出判定。",
    ),
    UnscoredReason.REFUSED: _pair_words(
        "Judge refused", "The judge refused to give a verdict.", "评审模型拒答", "评审模型拒绝给出判定。"
    ),
    UnscoredReason.UNSUPPORTED_EVIDENCE: _pair_words(
        "Quote not in the answer",
        "The judge quoted words that are not in the answer.",
        "引文不符",
        "评审模型引用的内容在回答中不存在。",
    ),
    UnscoredReason.BUDGET: _pair_words(
        "Budget used up",
        "The budget of the cohort is used up, so the judge was not asked.",
        "预算已用完",
        "该批次的预算已用完，因此没有再调用评审模型。",
    ),
    UnscoredReason.TOO_LONG: _pair_words(
        "Too long",
        "Question, rubric and answer exceed what the judge can read, or grading took longer than is allowed.",
        "内容过长",
        "题目、评分标准与回答合计超出评审模型的上下文长度，或评分用时超过上限。",
    ),
    UnscoredReason.INTERNAL: _pair_words(
        "Internal error",
        "An error in the program stopped this grading; the log of the worker has the details.",
        "内部错误",
        "程序内部错误导致本次评分中止，详情见工作进程日志。",
    ),
    "worker_lost": _pair_words(
        "Worker lost",
        "The worker ended before it wrote a result.",
        "工作进程中断",
        "工作进程在写入结果之前已退出。",
    ),
    "crashed": _pair_words(
        "Worker crashed",
        "The worker crashed on this answer again and again.",
        "工作进程崩溃",
        "处理该回答时工作进程反复崩溃。",
    ),
}

# Why no model read a part of an answer, by the report's field that lists such parts.
UNREAD: dict[str, dict[Language, str]] = {
    "masked": {"en": "addresses the grader", "zh": "写给评分者的话"},
    "filler": {"en": "states nothing about the subject", "zh": "没有实质内容"},
    "unrelated": {"en": "unrelated to the question", "zh": "与题目无关"},
    "repeated": {"en": "repeats an earlier sentence", "zh": "与前文重复"},
    "context": {"en": "context, not the candidate's words", "zh": "对话背景，不是候选人的话"},
    "skipped": {"en": "beyond what the models read", "zh": "超出模型读取上限"},
}

# Names of the two levels of a criterion that is met or not; ordinal criteria have levels of their own.
LEVELS: dict[str, dict[Language, tuple[str, str]]] = {
    "binary": {"en": ("Not met", "Met"), "zh": ("未达到", "达到")},
    "negative": {"en": ("Mistake not made", "Mistake made"), "zh": ("无此错误", "有此错误")},
    "gate": {"en": ("Not passed", "Passed"), "zh": ("未通过", "通过")},
}

# Whose strictness the scores have.
STRICTNESS: dict[str | None, dict[Language, str]] = {
    "calibrated": {"en": "that of your own graders", "zh": "与贵方评分人一致（已校准）"},
    "bank": {"en": "that of the question bank's authors", "zh": "与题库作者一致"},
    "unknown": {
        "en": "unknown: not calibrated to your graders (viva calibrate)",
        "zh": "未知：尚未校准（viva calibrate）",
    },
    None: {"en": "not recorded", "zh": "未记录"},
}

SIGNALS: dict[str, dict[Language, str]] = {
    "baseline": {"en": "baseline", "zh": "基准分"},
    "judge": {"en": "judge", "zh": "评审模型"},
    "verifier": {"en": "verifier", "zh": "验证模型"},
    "embedding": {"en": "embedding", "zh": "语义相似度"},
    "rouge": {"en": "ROUGE", "zh": "ROUGE"},
}


def describe_state(state: str, language: Language) -> Wording:
    """The words of a `State`."""
    return _find_wording(_STATES, state, language)


def describe_flag(flag: str, language: Language) -> Wording:
    """The words of a `Flag`."""
    return _find_wording(_FLAGS, flag, language)


def describe_reason(reason: str, language: Language) -> Wording:
    """The words of an `UnscoredReason`, or of the queue's reasons `worker_lost` and `crashed`."""
    return _find_wording(_REASONS, reason, language)


def _find_wording(words: Mapping[str, Mapping[Language, Wording]], identifier: str, language: Language) -> Wording:
    """The wording; an identifier that a newer service made is shown with blanks for underscores."""
    if identifier in words:
        return words[identifier][language]
    return Wording(identifier.replace("_", " "), "")
