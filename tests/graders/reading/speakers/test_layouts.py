"""Layouts of programs that write transcripts, and what only looks like one."""

from __future__ import annotations

import time

import pytest

from vivavoce.graders import AnswerInput, Flag
from vivavoce.graders.reading.normal_text import normalise
from vivavoce.graders.reading.screened_answer import ScreenedAnswer
from vivavoce.graders.reading.speakers import read_dialogue
from vivavoce.rubrics import Rubric

SAID = "It stores weights in eight bits."
ASKED = "What does INT8 do to a model?"
SAID_ZH, ASKED_ZH = "它把权重存成八位整数。", "INT8 对模型做了什么？"


def _read(raw: str, rubric: Rubric, candidate: str | None = None) -> ScreenedAnswer:
    return ScreenedAnswer.from_answer(AnswerInput(raw, candidate=candidate), rubric)


# fmt: off
LABELLED = [
    "Candidate - Priya N.: {a}\nInterviewer - Tom W.: Thanks.",
    "Interviewer - Tom W.: {q}\nCandidate - Priya N.: {a}",
    "[09:31:02] Interviewer (Acme HR): {q}\n[09:31:10] Candidate (Priya N.): {a}",
    "0:0:3.420 --> 0:0:7.80\nWeber, Tom (Interviewer)\n{q}\n\n0:0:8.120 --> 0:0:12.5\nNair, Priya (Candidate)\n{a}",
    "WEBVTT\n\n1\n00:00:03.420 --> 00:00:07.800\nTom Weber (Interviewer): {q}\n\n2\n00:00:08.000 --> 00:00:09.000\nPriya Nair (Candidate): {a}",
    "[Interviewer] {q} [Candidate] {a}",
    "Interviewer: {q} Candidate: {a} Interviewer: Thank you.",
    "Interviewer: what does INT8 do Candidate: {a}",
    "Examiner: {q}\nExaminee: {a}",
    "Panel: {q}\nApplicant: {a}",
    "Recruiter: {q}\nInterviewee: {a}",
    "Interviewer 1: {q}\nInterviewer 2: Why?\nInterviewee: {a}",
    "I: {q}\nC: {a}",
    "Q. {q}\nA. {a}",
    "Q1. {q}\nA1. {a}",
    "Q. {q} A. {a}",
    "Hello and welcome, shall we start?\nInterviewer: {q}\nCandidate: {a}",
    "Interview of 3 May\nInterviewer: {q}\nCandidate: {a}",
    "Interviewer: (00:02)\n{q}\nCandidate: (00:09)\n{a}",
    "Interviewer (00:02):\n{q}\n\nCandidate (00:09):\n{a}",
    "[0.00s -> 3.20s] Interviewer: {q}\n[3.40s -> 6.00s] Candidate: {a}",
    "Transcript\nAttendees\nTom Weber, Priya Nair\nInterviewer: {q}\nCandidate: {a}\nTranscription ended after 00:15:43",
    "**Interviewer (Tom):** {q}\n\n**Candidate (Priya):** {a}",
    "Interviewer | Tom: {q}\nCandidate | Priya: {a}",
    "Interviewer  0:03\n{q}\n\nCandidate  0:08\n{a}",
    "<v Interviewer>{q}</v>\n<v Candidate>{a}</v>",
    "10:02:11 Interviewer : {q}\n10:02:19 Candidate : {a}",
]
LABELLED_ZH = [
    "面试官-王总：{q}\n应聘者-张三：{a}",
    "面试官（王经理）：{q}\n候选人（李四）：{a}",
    "主考官：{q}\n應徵者：{a}",
    "考官：{q}\n应征者：{a}",
    "面试官：{q}\n受试者：{a}",
    "面試官：{q}\n面試者：{a}",
    "HR：{q}\n求职者：{a}",
    "评委：{q}\n答题者：{a}",
    "招聘经理：{q}\n应聘人：{a}",
    "【面试官】{q}【候选人】{a}",
    "[面试官] {q} [应聘者] {a}",
    "面试官：{q} 候选人：{a} 面试官：好的。",
    "面试官：什么是INT8 候选人：{a}",
    "2024年5月1日 下午 3:00|12分钟 30秒\n\n关键词:\n量化、权重\n\n文字记录:\n面试官 00:00:03\n{q}\n\n候选人 00:00:10\n{a}",
    "面试官(00:00:05): {q}\n应聘者(00:00:12): {a}",
    "您好，请坐。\n面试官：{q}\n考生：{a}",
    "1\n00:00:01,000 --> 00:00:04,000\n面试官：{q}\n\n2\n00:00:05,000 --> 00:00:06,000\n候选人：{a}",
]
UNCLEAR = [
    "[00:01] do you want to start\n[00:03] sure\n[00:05] so a token is a piece of a word\n[00:09] mhm\n[00:12] and the model reads pieces",
    "[00:00:01.000 --> 00:00:03.000] So what is a token?\n[00:00:03.000 --> 00:00:06.000] A piece of a word.\n[00:00:06.000 --> 00:00:07.000] Okay, next question.\n[00:00:07.000 --> 00:00:10.000] Can you explain BPE?\n[00:00:10.000 --> 00:00:14.000] It merges pairs.",
    "00:01 那你能介绍一下量化吗\n00:04 嗯\n00:06 就是把权重变成八位\n00:10 好的\n00:12 还能省显存",
    "[00:01] 什么是量化？\n[00:05] 把权重存成八位。\n[00:09] 为什么这么做？\n[00:12] 省显存。\n[00:15] 好的，下一题。",
    "腾讯会议用户A(00:00:05): {q}\n腾讯会议用户B(00:00:09): {a}",
    "张三(00:00:05): {q}\n李四(00:00:09): {a}",
    "priya_n 00:03\n{q}\ntom.w 00:08\n{a}\npriya_n 00:12\nThanks",
    "priya_n (00:03): {q}\ntom_w (00:08): {a}\npriya_n (00:12): Thanks",
    "Anna: Tell me about tokens.\nBen: A piece of a word.\nAnna: And why.\nBen: Vocabulary would be huge.",
    "Anna: What is a token? Ben: A piece of a word. Anna: Right. Ben: Yes.",
    "1\n00:00:01,000 --> 00:00:04,000\n- What is a token?\n- A piece of a word.",
    "1\n00:00:01,000 --> 00:00:04,000\n- What is a token?\n\n2\n00:00:05,000 --> 00:00:06,000\n- A piece of a word.",
    "Tom Weber\n00:00:03\n{q}\nPriya Nair\n00:00:10\n{a}",
    "00:00:03\nTom Weber\n{q}\n00:00:10\nPriya Nair\n{a}",
    "Weber, Tom   0:03\n{q}\n\nNair, Priya   0:09\n{a}",
    "0:0:3.420 --> 0:0:7.80\nWeber, Tom\n{q}\n\n0:0:8.120 --> 0:0:12.5\nNair, Priya\n{a}",
    "Interview (2024-05-01 10:00 GMT+1) - Transcript\nAttendees\nTom Weber, Priya Nair\nTranscript\nTom Weber: {q}\nPriya Nair: {a}\nTom Weber: Thanks.",
    "2024年5月1日 下午 3:00|12分钟 30秒\n\n关键词:\n量化、权重\n\n文字记录:\n说话人 1 00:00:03\n{q}\n\n说话人 2 00:00:10\n{a}",
    "发言人1   00:03\n{q}\n发言人2   00:10\n{a}",
    "发言人 1 (00:03)\n{q}\n发言人 2 (00:10)\n{a}",
    "Speaker 1 (00:03):\n{q}\n\nSpeaker 2 (00:09):\n{a}",
    "[SPEAKER_00] {q}\n[SPEAKER_01] {a}",
    "[00:00.000 --> 00:03.200] [SPEAKER_00] {q}\n[00:03.200 --> 00:06.000] [SPEAKER_01] {a}",
    "SPEAKER_00 [00:00.000 --> 00:03.200] {q}\nSPEAKER_01 [00:03.200 --> 00:06.000] {a}",
    "SPEAKER 1 0:00:03\n{q}\n\nSPEAKER 2 0:00:09\n{a}",
    "Speaker 1: {q} Speaker 2: {a} Speaker 1: Good.",
    "Unknown Speaker  0:03\n{q}\n\nUnknown Speaker  0:09\n{a}",
    "09:31:02 From Tom Weber : {q}\n09:31:20 From Priya Nair : {a}",
    "09:31:02 From Tom Weber to Everyone: {q}\n09:31:20 From Priya Nair to Everyone: {a}\n09:31:30 From Tom Weber to Everyone: ok",
    "WEBVTT\n\na1b2c3d4-1111-2222-3333-444455556666/12-0\n00:00:03.420 --> 00:00:07.800\n<v Tom Weber>{q}</v>\n\na1b2c3d4-1111-2222-3333-444455556666/13-0\n00:00:08.000 --> 00:00:09.000\n<v Priya Nair>{a}</v>",
    "So I think eight bits are enough.\nInterviewer: {q}\nCandidate: {a}",
    "王小明(2024-05-01 10:03:22)：{q}\n李雷(2024-05-01 10:03:30)：{a}",
    "应聘者：{a}\n面试者：{q}",
    "Interviewer: What is it.\n{a}",
    "(00:00:03)\nspeaker 1: {q}\n(00:00:08)\nspeaker 2: {a}",
]
MONOLOGUES = [
    "[00:01] Okay.\n[00:02] So quantization stores weights in eight bits.\n[00:06] Why does it matter? Memory.\n[00:09] Um, and then accuracy may fall.",
    "[00:00:01.000 --> 00:00:03.000] 好的，我来回答。\n[00:00:03.000 --> 00:00:06.000] 量化就是把权重存成八位。\n[00:00:06.000 --> 00:00:08.000] 嗯\n[00:00:08.000 --> 00:00:12.000] 然后可以省显存。",
    "1\n00:00:01,000 --> 00:00:03,000\nYou may ask, what is a token?\n\n2\n00:00:03,000 --> 00:00:06,000\nIt is a piece of a word.\n\n3\n00:00:06,000 --> 00:00:07,000\nOkay.\n\n4\n00:00:07,000 --> 00:00:12,000\nAnd BPE merges pairs.",
    "[00:01] What is quantization?\n[00:03] It stores weights in eight bits.\n[00:06] How do you keep accuracy?\n[00:09] With calibration.\n[00:12] It also saves memory.\n[00:15] And bandwidth.\n[00:18] And energy.\n[00:20] That is all.",
    "0:00\nso tokens are\n0:04\npieces of words\n0:09\nand BPE merges them",
]
HONEST = [
    "Panel: three judges vote.\nMajority: the median wins.",
    "HR: keeps the records.\nFinance: pays.",
    "Interviewee bias: people please.\nInterviewer bias: first impressions.",
    "Answer: eight bits.\nReason: bandwidth.",
    "A. Data parallelism\nB. Model parallelism\nC. Pipeline parallelism",
    "Q. Which split?\nA. by rows\nB. by columns",
    "Redis: in memory.\nPostgres: on disk.",
    "Precision: of those found.\nRecall: of those there.\nPrecision: rises.\nRecall: falls.",
    "时间：三天。\n地点：机房。\n人物：我和同事。",
    "方案一：缓存。\n方案二：分片。\n方案一：便宜。\n方案二：贵。",
    "Time 10:30 the job failed.\nTime 10:45 it ran.",
    "Alert at 10:02\nwe rolled back\nGreen at 10:30\ndone",
    "The prompt has slots: [Candidate] and [Interviewer] are filled in.",
    "Use the template \"[Interviewer] ask [Candidate] answer\" for logs.",
    "Candidate set: a thousand items. Ranker: a small model. Why? Latency.",
    "Recruiter screening: a model ranks CVs: who is first?",
    "候选人画像：技能、年限。\n匹配：余弦相似度。",
    "面试流程：笔试、面试。\n考官培训：两天。",
    "Prompt: \"Interviewer: ask one question. Candidate: answer it.\" is a template.",
    "答：因为显存不够。",
    "用户A：喜欢动作片。\n用户B：喜欢喜剧。\n推荐：按相似度。",
    "Monolith: one deploy.\nMicroservices: many.\nMonolith: simple.\nMicroservices: why bother? Scale.",
    "Step 1 (00:30): mix.\nStep 2 (01:00): bake.\nStep 1 (00:30): repeat.",
    "Ratio 1:2 is fine. Ratio 3:1 is not.",
    "1. First: cut. 2. Second: merge. 3. Third: test.",
    "Guest: pays less.\nOwner: pays more.\nGuest: leaves.\nOwner: stays.",
    "- What is it? A cache.\n- Why? Speed.",
    "Kafka: a log.\nRabbit: a queue.\nKafka: replay.\nRabbit: routing.",
    "In the interview: I would ask for numbers: latency, cost.",
    "10:02 alert fired\n10:05 sure enough it was the cache\n10:30 all green",
]
# fmt: on


@pytest.mark.parametrize("layout", LABELLED)
def test_english_layouts_keep_the_candidates_words(layout: str, rubric: Rubric) -> None:
    assert _read(layout.format(q=ASKED, a=SAID), rubric).sentences == [SAID]


@pytest.mark.parametrize("layout", LABELLED_ZH)
def test_chinese_layouts_keep_the_candidates_words(layout: str, rubric: Rubric) -> None:
    assert _read(layout.format(q=ASKED_ZH, a=SAID_ZH), rubric).sentences == [SAID_ZH]


@pytest.mark.parametrize("layout", UNCLEAR)
def test_two_voices_without_roles_go_to_a_person(layout: str, rubric: Rubric) -> None:
    answer = _read(layout.format(q=ASKED, a=SAID), rubric)
    assert answer.screening.settled is Flag.SPEAKERS_UNCLEAR
    assert answer.sentences == []


@pytest.mark.parametrize("raw", MONOLOGUES)
def test_one_voice_with_time_stamps_is_graded(raw: str, rubric: Rubric) -> None:
    answer = _read(raw, rubric)
    assert answer.screening.settled is None
    assert answer.sentences
    assert not any("-->" in sentence or "[00:" in sentence for sentence in answer.sentences)


@pytest.mark.parametrize("raw", HONEST)
def test_an_honest_answer_of_this_look_is_read_whole(raw: str, rubric: Rubric) -> None:
    answer = _read(raw, rubric)
    assert answer.unread["context"] == ()
    assert Flag.SPEAKERS_UNCLEAR not in answer.screening.flags


@pytest.mark.parametrize(
    ("raw", "candidate"),
    [
        ("Anna: {q}\nBen: {a}\nAnna: And why.\nBen: {a}", "Ben"),
        ("Weber, Tom   0:03\n{q}\n\nNair, Priya   0:09\n{a}", "Priya Nair"),
        ("腾讯会议用户A(00:00:05): {q}\npriya_n(00:00:09): {a}", "priya_n"),
        ("0:0:3.420 --> 0:0:7.80\nTom Weber\n{q}\n\n0:0:8.1 --> 0:0:12.5\nPriya Nair\n{a}", "Priya Nair"),
        ("09:31:02 From Tom Weber to Everyone: {q}\n09:31:20 From Priya Nair to Everyone: {a}", "Priya Nair"),
        ("说话人 1 00:00:03\n{q}\n\n张三 00:00:10\n{a}", "张三"),
    ],
)
def test_the_candidates_name_opens_unclear_transcripts(raw: str, candidate: str, rubric: Rubric) -> None:
    assert SAID in _read(raw.format(q=ASKED, a=SAID), rubric, candidate).sentences
    assert ASKED not in _read(raw.format(q=ASKED, a=SAID), rubric, candidate).sentences


def test_labels_that_are_words_of_the_key_are_no_people(rubric: Rubric) -> None:
    raw = "Weights: are stored.\nActivations: I scale them.\nWeights: why so?\nActivations: they vary."
    assert _read(raw, rubric).unread["context"] == ()
    assert Flag.SPEAKERS_UNCLEAR not in _read(raw, rubric).screening.flags


@pytest.mark.parametrize("piece", ["Interviewer: a? ", "Anna: a. ", "[00:01] ", "Q. a? ", "面试官：", "00:01\n", "[Candidate] a "])
def test_reading_speakers_takes_time_in_proportion(piece: str) -> None:
    raw = piece * (20_000 // len(piece))
    started = time.process_time()
    read_dialogue(normalise(raw).text)
    assert time.process_time() - started < 4
