from __future__ import annotations

import pytest

from vivavoce.evaluation.graded_answers import rubric_from_reference
from vivavoce.graders import Flag
from vivavoce.graders.reading.non_answer import find_substantive_terms, is_non_answer
from vivavoce.graders.reading.normal_text import detect_language, normalise
from vivavoce.graders.reading.screening import Screening, screen
from vivavoce.graders.reading.terms import terms
from vivavoce.rubrics import Language, default_bank

from ...panels import trained_classifier


def _screen(answer: str, language: Language = "en") -> Screening:
    return screen(normalise(answer), default_bank().get("transformer", language), trained_classifier())


@pytest.mark.parametrize(
    "answer",
    [
        "I don't know", "i dont know.", "I do not know the answer to this question, sorry.", "No idea", "idk",
        "Not sure about this.", "Never heard of it", "Sorry, I can't answer this question.", "Pass.",
        "I haven't learned transformers yet", "Unfortunately I am not familiar with this topic at all.",
        "Hmm, honestly I don’t know. I haven't really thought about that topic, can we go to the next one?",
        "不知道", "不太清楚", "这个我没学过", "不会", "没了解过，抱歉。", "这道题我不会做。",
        "对不起，这个问题我答不上来",
        'i don"t know', 'I"m not sure!', "No response.", "Empty submission.", "no answer given", "not answered",
        "未作答", "此题没有回答。", "（空白）", "略",
        "没听说过Transformer", "忘了", "没有接触过这方面的内容，无法回答", "我不知道答案，跳过吧",
    ],
)  # fmt: skip
def test_not_knowing_is_recognised(answer: str) -> None:
    assert _screen(answer, "zh" if not answer.isascii() and "’" not in answer else "en").settled is Flag.NON_ANSWER


@pytest.mark.parametrize(
    "answer",
    [
        "<p><em>n/a</em> &ndash; didn&rsquo;t get to this one</p>", "Didn't get to it.", "Ran out of time",
        "No time left.",
        "Sorry, I ran out of time before I got to this question.", "not enough time", "Time's up", "Could not finish",
        "skipped - ran out of time", "N/A: ran out of time", "Had no time for this one.", "never got to this one",
        "I didn't have enough time to answer this.", "blank — no time",
        "没来得及", "沒來得及答", "来不及了", "时间不够", "時間不夠，沒寫完", "没时间了", "没有时间做这题了",
        "时间到了", "没做到这题", "空着，没来得及", "略——时间不够", "抱歉，时间不够，没来得及作答。", "未能完成",
    ],
)  # fmt: skip
def test_an_answer_that_was_not_reached_is_none(answer: str) -> None:
    is_chinese = detect_language(answer) == "zh"
    assert _screen(answer, "zh" if is_chinese else "en").settled is Flag.NON_ANSWER


@pytest.mark.parametrize(
    "answer",
    [
        "The process ran out of time because of a lock", "Attention weighs tokens. Ran out of time.",
        "Requests timed out when the cache was cold", "时间不够时先做核心功能",
        "注意力让每个词看其他词，后面没来得及写",
        "训练时间不够会欠拟合",
    ],
)  # fmt: skip
def test_time_that_runs_out_beside_content_is_an_answer(answer: str) -> None:
    assert _screen(answer, "en" if answer.isascii() else "zh").settled is None


@pytest.mark.parametrize(
    ("key", "answer"), [("The team ran out of time.", "Ran out of time"), ("因为时间不够。", "时间不够")]
)
def test_time_that_ran_out_is_an_answer_if_the_key_says_so(key: str, answer: str) -> None:
    rubric = rubric_from_reference(
        {"question": "Why did the project fail?", "reference": key, "lang": "en", "max_score": 1}
    )
    assert screen(normalise(answer), rubric).settled is None


@pytest.mark.parametrize(
    "answer",
    [
        "I'm not sure, but attention weighs every token against every other",
        "I don't know the details. Queries are compared with keys.",
        "不清楚细节，但是自注意力可以让每个词关注其他词",
        "It is not known to be slow: attention runs in parallel",
        "Attention.",
    ],
)
def test_a_modest_answer_is_still_an_answer(answer: str) -> None:
    assert _screen(answer, "en" if answer.isascii() else "zh").settled is None


@pytest.mark.parametrize(
    ("question", "key", "answer"),
    [
        (
            "Why are residual connections used?",
            "They let gradients through.",
            "Skip connections keep the signal alive.",
        ),
        ("What does an LSTM add?", "A gate that decides what to keep.", "A forget gate."),
        ("Why does the bulb light?", "The circuit is closed.", "Current can pass."),
        (
            "What is learned in which direction?",
            "Gradients flow back.",
            "The backward pass carries the error to each weight",
        ),
        ("How is a flaky test treated?", "It is quarantined.", "Skip it in CI until it is mended"),
        ("Which networks fade?", "Deep ones without shortcuts.", "It is not sure to converge without them"),
        ("Dropout 有什么作用？", "防止模型记住训练集。", "让模型不会过拟合"),
        ("LSTM 有哪些门？", "输入、输出以及决定保留什么的门。", "遗忘门"),
        ("什么时候用顺序表？", "元素很少变动时。", "不用频繁插入删除的时候"),
        ("哪种链表不能删除节点？", "单链表，它没有前驱。", "单链表不行，因为不知道它的前驱位置"),
        ("栈底元素可以删除吗？", "最后可以。", "不确定，但只剩栈底元素时可以删除"),
        ("How do you find the cause of a fall?", "Compare releases.", "If I don't know the cause I bisect the deploys"),
        ("How do you clean data?", "Drop outliers.", "I would skip samples that are too long"),
        ("怎样省显存？", "只训练一小部分参数。", "我不会更新全部权重"),
        ("怎样做持续学习？", "回放旧数据。", "我会让模型忘不掉旧任务"),
        ("需求含糊时怎么办？", "先问清目标。", "我不清楚用户想要什么时会先去访谈"),
        ("What happens to the bulb?", "It will light.", "I am not sure, maybe the bulb lights"),
    ],
)
def test_disclaiming_words_with_content_are_answers(question: str, key: str, answer: str) -> None:
    language = detect_language(key)
    row = {"question_id": "q", "question": question, "reference": key, "lang": language, "max_score": 1}
    assert screen(normalise(answer), rubric_from_reference(row), trained_classifier()).settled is None


@pytest.mark.parametrize(
    "answer",
    [
        "I don't know", "I DON’T KNOW!", "dont know", "couldn't say", "I do not have any idea.", "dunno", "IDK",
        "Sorry, no clue. Next question, please.", "I have never heard of quantization", "I went blank",
        "I am not too sure what quantization is", "pass", "skip", "I forgot...", "不知道", "没听说过", "答不上来",
        "我完全不会做", "忘了", "跳过", "老师，这个我没学过，抱歉", "不太清楚量化是什么",
        "My mind went blank.", "my head is completely blank, sorry", "I have no recollection of that.", "Beats me.",
        "I haven't the faintest idea", "I give up, sorry.", "I'm completely lost on this one", "It slipped my mind",
        "I can't think of anything", "脑子一片空白", "完全没思路", "毫无头绪", "对这个一无所知", "想不出来了",
        "记不起来",
        "答不出来", "这是我的知识盲区", "没复习到，跳过吧", "放弃作答", "回答不了",
    ],
)  # fmt: skip
def test_disclaimers_without_content_are_non_answers(answer: str) -> None:
    assert is_non_answer(answer, terms("What is quantization? 什么是量化？"))


@pytest.mark.parametrize(
    "answer",
    [
        "", "...", "Thank you", "Quantization", "I don't know pruning", "I know", "no", "not", "unsure",
        "the mind is a blank slate that training fills", "回答不了的问题交给检索", "放弃低频词",
        "I give up precision for speed",
        "I don't know, but it has fewer bits", "It has fewer bits. I don't know more.", "forget gates",
        "skip connections", "I am not sure: fewer bits", "不会过拟合", "不知道，可能是位数更少", "不用学习率", "知道",
        "我不会更新全部权重",
    ],
)  # fmt: skip
def test_answers_with_content_are_no_non_answers(answer: str) -> None:
    assert not is_non_answer(answer, terms("What is quantization? 什么是量化？"))


def test_only_words_of_the_question_may_stand_beside() -> None:
    assert is_non_answer("I don't know what a cache is", terms("What is a cache?"))
    assert not is_non_answer("I don't know what a cache is", terms("What is a queue?"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Sorry, I really have no idea about this question", set()),
        ("Thanks, caching helps", {"cach", "help"}),
        ("这个问题我不太清楚", {"清楚"}),
        ("量化", {"量化"}),
        ("", set()),
    ],
)
def test_substantive_terms_leave_out_filler_and_grammar(text: str, expected: set[str]) -> None:
    assert find_substantive_terms(text) == expected
