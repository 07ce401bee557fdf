"""Labels as people type them: short, without a colon or a question mark, with verbs; and talk without labels."""

from __future__ import annotations

import pytest

from vivavoce.graders import AnswerInput, Flag
from vivavoce.graders.reading.screened_answer import ScreenedAnswer
from vivavoce.rubrics import Rubric

FIRST, SECOND = "It stores weights in eight bits.", "Less memory is read."
FIRST_ZH, SECOND_ZH = "它把权重存成八位整数。", "读取的内存更少。"


def _read(raw: str, rubric: Rubric, candidate: str | None = None) -> ScreenedAnswer:
    return ScreenedAnswer.from_answer(AnswerInput(raw, candidate=candidate), rubric)


@pytest.mark.parametrize(
    "raw",
    [
        "Q: tell us about INT8\nA: {a}\nQ: and the gain\nA: {b}",
        "I: tell me about INT8\nC: {a}\nI: and the gain\nC: {b}",
        "E: What is INT8?\nC: {a}\nE: And the gain?\nC: {b}",
        "Int: What is INT8?\nCand: {a}\nInt: And the gain?\nCand: {b}",
        "q: what is INT8?\nme: {a}\nq: and the gain?\nme: {b}",
        "notes typed by me\n\nI: what is INT8\nC: {a}\nI: ok and the gain\nC: {b}",
        "I: What is INT8? C: {a} I: And the gain? C: {b}",
        "**Interviewer** What's INT8?\n**Me** {a}\n**Interviewer** And the gain?\n**Me** {b}",
        "*Interviewer* What's INT8?\n\n*Candidate* {a}\n\n*Interviewer* And?\n\n*Candidate* {b}",
        "__Interviewer__ What's INT8?\n__Me__ {a}\n__Interviewer__ And the gain?\n__Me__ {b}",
        "**Interviewer**\nWhat's INT8?\n\n**Me**\n{a}\n{b}",
        "### Interviewer\nWhat's INT8?\n### Me\n{a}\n{b}",
        "<b>Interviewer</b> What's INT8?<br><b>Me</b> {a}<br><b>Interviewer</b> And?<br><b>Me</b> {b}",
        "**Q1** What's INT8?\n**A1** {a}\n**Q2** And the gain?\n**A2** {b}",
        "Q1 What's INT8?\nA1 {a}\n\nQ2 And the gain?\nA2 {b}",
        "Q What's INT8?\nA {a}\nQ And the gain?\nA {b}",
        "1. Q: What's INT8?\n   A: {a}\n2. Q: And the gain?\n   A: {b}",
        "(Interviewer) What's INT8?\n(Candidate) {a}\n(Interviewer) And?\n(Candidate) {b}",
        "[Interviewer] What's INT8?\n[Me] {a}\n[Interviewer] And?\n[Me] {b}",
        "Interviewer asks: what is INT8\nCandidate answers: {a}\nInterviewer asked: and\nCandidate said: {b}",
        "WEBVTT\n\n00:01.000 --> 00:02.000\n<v Ann Lee>What is INT8?</v>\n\n"
        "00:03.000 --> 00:04.000\n<v Ben Okoro (Candidate)>{a}\n{b}</v>",
        "WEBVTT\n\n00:01.000 --> 00:02.000\n<v Ann Lee - Interviewer>What is INT8?</v>\n\n"
        "00:03.000 --> 00:04.000\n<v Ben Okoro>{a}\n{b}</v>",
    ],
)  # fmt: skip
def test_english_labels_as_people_type_them(raw: str, rubric: Rubric) -> None:
    assert _read(raw.format(a=FIRST, b=SECOND), rubric).sentences == [FIRST, SECOND]


@pytest.mark.parametrize(
    "raw",
    [
        "问：平时怎么压缩模型\n答：{a}\n问：说说好处\n答：{b}",
        "问：平时怎么压缩模型 答：{a} 问：说说好处 答：{b}",
        "问 平时怎么压缩模型\n答 {a}\n问 说说好处\n答 {b}",
        "老师：讲讲量化\n学生：{a}\n老师：你再说说好处\n学生：{b}",
        "面：讲讲量化\n我：{a}\n面：好处\n我：{b}",
        "面：什么是量化？我：{a}面：好处呢？我：{b}",
        "面：讲讲量化\n候：{a}\n面：好处\n候：{b}",
        "师：讲讲量化\n生：{a}\n师：好处\n生：{b}",
        "問：講講量化\n我：{a}\n問：好處\n我：{b}",
        "Q1 為什麼要量化?\nA1 {a}\nQ2 好處呢?\nA2 {b}",
        "以下是我凭记忆打的\n面：量化是啥\n我：{a}\n面：好处\n我：{b}",
        "Q1 - 为什么要量化\nA1 - {a}\nQ2 - 好处呢？\nA2 - {b}",
        "张老师问：什么是量化\n我答：{a}{b}",
        "问题1 为什么要量化？\n回答1 {a}\n问题2 好处呢？\n回答2 {b}",
        "(面试官) 什么是量化\n(候选人) {a}\n(面试官) 好处呢\n(候选人) {b}",
        "（面試官）什麼是量化？\n（我）{a}\n（面試官）好處呢？\n（我）{b}",
        "**面试官** 什么是量化\n**我** {a}\n**面试官** 好处呢\n**我** {b}",
        "會議記錄(自己打的)\n老師問:什麼是量化?\n我答:{a}\n老師問:好處呢?\n我答:{b}",
        "面试回忆\n面试官问我：什么是量化\n我说：{a}\n面试官追问：好处呢\n我答：{b}",
        "面试官问：什么是量化\n候选人答：{a}\n面试官说：好\n候选人说：{b}",
    ],
)
def test_chinese_labels_as_people_type_them(raw: str, rubric: Rubric) -> None:
    assert _read(raw.format(a=FIRST_ZH, b=SECOND_ZH), rubric).sentences == [FIRST_ZH, SECOND_ZH]


LETTERS = "A: So what does INT8 do?\nB: {a}\nA: And the gain?\nB: {b}"


@pytest.mark.parametrize(
    "raw",
    [
        LETTERS,
        LETTERS.replace("\n", " "),
        "D: What is INT8?\nT: {a}\nD: And the gain?\nT: {b}",
        "A: What does INT8 do?\nB: {a}",
        "甲：你们怎么量化？\n乙：{a}\n甲：好处呢？\n乙：{b}",
        "甲：量化\n乙：{a}\n甲：好处\n乙：{b}",
        "A：讲讲量化\nB：{a}\nA：好处呢\nB：{b}",
        "**Ann** What is INT8?\n**Ben** {a}\n**Ann** And the gain?\n**Ben** {b}",
        "- So you'd store eight bits?\n- Yeah, {a}\n- What if it fails?\n- Then you calibrate.",
        "— 那你会先量化吗？\n— 嗯，{a}\n— 如果精度下降呢？\n— 那就校准。",
        "- 那你會先量化嗎\n- 嗯，{a}\n- 如果精度下降呢\n- 那就校準",
        "「什麼是量化？」「{a}」「好處呢？」「{b}」",
        "「什麼是量化？」\n「{a}」\n「好處呢？」\n「{b}」",
        "“What is INT8?” “{a}” “And the gain?” “{b}”",
        '"What is INT8?"\n"{a}"\n"And the gain?"\n"{b}"',
    ],
)
def test_two_voices_without_roles_go_to_a_person(raw: str, rubric: Rubric) -> None:
    answer = _read(raw.format(a=FIRST, b=SECOND), rubric)
    assert answer.screening.settled is Flag.SPEAKERS_UNCLEAR
    assert answer.sentences == []


def test_the_candidates_letter_tells_speakers_apart(rubric: Rubric) -> None:
    assert _read(LETTERS.format(a=FIRST, b=SECOND), rubric, "B").sentences == [FIRST, SECOND]


@pytest.mark.parametrize(
    "raw",
    [
        "A: rows B: columns C: both D: none",
        "A: rows\nB: columns\nC: both\nD: none",
        "甲：按行。\n乙：按列。\n丙：都可以。",
        "A: 10 ms\nB: 20 ms\nA: cheap\nB: dear",
        "A: client sends SYN\nB: server replies\nA: client sends ACK\nB: open",
        "P: 90%\nR: 80%\nP: 85%\nR: 88%",
        "I: input gate\nC: cell state\nO: output gate\nF: forget gate",
        "Teacher: large.\nStudent: small.\nTeacher: slow.\nStudent: fast.",
        "- What is it? A cache.\n- Why? Speed.\n- Where? At the edge.\n- Cost? Memory.",
        "- Is the data skewed?\n- Is the label noisy?\n- Are the splits clean?\n- I would check these in order.",
        "- What is the goal?\n- Lower latency.\n- What is the limit?\n- Memory.",
        "- Measure first\n- Then cache\n- Do you need more? Shard.\n- Watch cost",
        "**Cache** What it does: keeps keys.\n**Queue** Holds jobs.",
        "**Interviewer** bias matters.\n**Candidate** data is scarce.",
        "(Candidate) sets are small.\n(Query) sets are large.",
        "(Redis) in memory\n(Postgres) on disk\n(Redis) why? speed",
        "Q1 revenue rose?\nQ2 revenue fell.\nQ3 flat.",
        "Q is the query matrix.\nA is the attention matrix.",
        "A model is small.\nA second one is large. Why?\nMe, I measure.",
        "我说：要缓存。\n老板说：太贵。\n我说：先量一量。",
        "老师说：要多练。我记住了。",
        "He said “why?” and I said “because it is slow” and then we measured again for two weeks.",
        "“Attention” “is” “all” “you need”",
    ],
)
def test_what_only_looks_like_labels_is_read_whole(raw: str, rubric: Rubric) -> None:
    answer = _read(raw, rubric)
    assert answer.unread["context"] == ()
    assert Flag.SPEAKERS_UNCLEAR not in answer.screening.flags


@pytest.mark.parametrize("mark", ["Q: What is INT8?\nA: ", "Q What is INT8?\nA "])
def test_a_sentence_that_begins_with_a_keeps_its_word(mark: str, rubric: Rubric) -> None:
    raw = f"{mark}{FIRST}\nA second gain is speed."
    assert _read(raw, rubric).sentences == [FIRST, "A second gain is speed."]
