from __future__ import annotations

import pytest

from vivavoce.graders import AnswerInput, Flag
from vivavoce.graders.reading.normal_text import normalise
from vivavoce.graders.reading.screened_answer import ScreenedAnswer
from vivavoce.graders.reading.speakers import read_dialogue
from vivavoce.rubrics import Rubric, default_bank, load_qualifications

SAID = "It stores weights in eight bits."
ASKED = "What does INT8 do to a model?"
SAID_ZH, ASKED_ZH = "它把权重存成八位整数。", "INT8 对模型做了什么？"


def _read(raw: str, rubric: Rubric, candidate: str | None = None) -> ScreenedAnswer:
    return ScreenedAnswer.from_answer(AnswerInput(raw, candidate=candidate), rubric)


@pytest.mark.parametrize(
    "raw",
    [
        "Interviewer: {q}\nCandidate: {a}",
        "INTERVIEWER: {q}\n\nCANDIDATE: {a}",
        "**Interviewer:** {q}\n\n**Candidate:** {a}",
        "[Interviewer]: {q}\n[Candidate]: {a}",
        "Interviewer - {q}\nCandidate - {a}",
        "Interviewer\n{q}\nCandidate\n{a}",
        "Interviewer: {q} Candidate: {a}",
        "Interviewer (Jane Doe): {q}\nCandidate (John): {a}",
        "Jane (Interviewer): {q}\nJohn (Candidate): {a}",
        "Interviewer 1: {q}\nInterviewer 2: And why?\nCandidate: {a}",
        "Recruiter: {q}\nApplicant: {a}",
        "Interviewer: {q}\nAlice: {a}",
        "Alice: {q}\nMe: {a}\nAlice: Thanks, anything else?",
        "Q: {q}\nA: {a}",
        "Q1: {q}\nA1: {a}",
        "Question: {q}\nAnswer: {a}",
        "Q: {q} A: {a}",
        "I: {q}\nR: {a}",
        "Teacher: {q}\nStudent: {a}",
        "(00:12) Interviewer: {q}\n(00:15) Candidate: {a}",
        "00:00:12 Interviewer: {q}\n00:00:15 Candidate: {a}",
        "Interviewer [00:12]: {q}\nCandidate [00:15]: {a}",
        "Interviewer 0:12\n{q}\nCandidate 0:15\n{a}",
        "WEBVTT\n\n1\n00:01.000 --> 00:04.000\n<v Interviewer>{q}</v>\n\n2\n00:05.000 --> 00:06.000\n<v Jo>{a}</v>",
        "1\n00:00:01,000 --> 00:00:04,000\nInterviewer: {q}\n\n2\n00:00:05,000 --> 00:00:06,000\nCandidate: {a}",
        "<p><strong>Interviewer:</strong> {q}</p><p><strong>Candidate:</strong> {a}</p>",
        "The recording of May 3 begins.\nInterviewer: {q}\nCandidate: {a}\nInterviewer: Mhm.",
    ],
)  # fmt: skip
def test_only_the_words_of_the_candidate_are_read(raw: str, rubric: Rubric) -> None:
    text = raw.format(q=ASKED, a=SAID)
    answer = _read(text, rubric)
    assert answer.screening.settled is None
    assert answer.sentences[-1] == SAID
    assert ASKED not in answer.sentences
    assert any(ASKED in passage.quote for passage in answer.unread["context"])
    assert all(text[place.start : place.end] == place.quote for place in answer.unread["context"])


@pytest.mark.parametrize(
    "raw",
    [
        "面试官：{q}\n候选人：{a}",
        "面試官：{q}\n候選人：{a}",
        "考官：{q}\n考生：{a}",
        "【面试官】{q}\n【候选人】{a}",
        "面试官说：{q}\n候选人说：{a}",
        "面试官：{q}候选人：{a}",
        "面试官：{q}\n我：{a}",
        "HR：{q}\n我：{a}",
        "问：{q}\n答：{a}",
        "問：{q}\n答：{a}",
        "問題：{q}\n回答：{a}",
        "老师：{q}\n学生：{a}",
        "面试官 00:01:23\n{q}\n候选人 00:01:30\n{a}",
        "2026-05-01 10:03:22 面试官\n{q}\n2026-05-01 10:03:30 候选人\n{a}",
        "张三（面试官）：{q}\n李四（候选人）：{a}",
        "面试官张三：{q}\n李四：{a}",
        "采访者：{q}\n受访者：{a}",
    ],
)  # fmt: skip
def test_chinese_labels_in_both_scripts(raw: str, rubric: Rubric) -> None:
    answer = _read(raw.format(q=ASKED_ZH, a=SAID_ZH), rubric)
    assert answer.sentences == [SAID_ZH]


@pytest.mark.parametrize(
    "raw",
    [
        "Speaker 1: {q}\nSpeaker 2: {a}",
        "SPEAKER_00: {q}\nSPEAKER_01: {a}",
        "[00:00:03] Speaker A: {q}\n[00:00:05] Speaker B: {a}",
        "Alice: {q}\nBob: {a}",
        "Alice: {q}\nBob: {a}\nAlice: Thanks.",
        "Alice Smith  0:03\n{q}\nBob Jones  0:09\n{a}",
        "张三 00:01:23\n{q}\n李四 00:01:30\n{a}",
        "说话人1 00:03\n{q}\n说话人2 00:09\n{a}",
        "發言人 1：{q}\n發言人 2：{a}",
        "WEBVTT\n\n00:00:01.000 --> 00:00:04.000\n<v Alice>{q}</v>\n\n00:00:05.000 --> 00:00:06.000\n<v Bob>{a}</v>",
        "Candidate A: {a}\nCandidate B: So do I.\nInterviewer: Who first?",
        "Interviewer: {q}\n{a}",
        "Interviewer: {q}\nCandidate:",
        "Candidate: Yes.\nInterviewer: {q}\n{a}",
    ],
)  # fmt: skip
def test_speakers_who_cannot_be_told_apart_go_to_a_person(raw: str, rubric: Rubric) -> None:
    answer = _read(raw.format(q=ASKED, a=SAID), rubric)
    assert answer.screening.settled is Flag.SPEAKERS_UNCLEAR
    assert answer.sentences == []


@pytest.mark.parametrize("candidate", ["Bob", "bob jones", "Bob Jones"])
def test_the_name_of_the_candidate_tells_speakers_apart(candidate: str, rubric: Rubric) -> None:
    raw = f"Alice Smith: {ASKED}\nBob Jones: {SAID}\nAlice Smith: Thanks."
    assert _read(raw, rubric, candidate).sentences == [SAID]
    assert _read(raw, rubric, "Carol").screening.settled is Flag.SPEAKERS_UNCLEAR


@pytest.mark.parametrize(
    ("raw", "sentences"),
    [
        ("Candidate: It is small.\nCandidate: It is fast.", ["It is small.", "It is fast."]),
        ("SPEAKER_00: It is small.", ["It is small."]),
        ("[00:03.120 --> 00:05.000]  It is\n[00:05.120 --> 00:09.000]  small. Fast.", ["It is small.", "Fast."]),
        ("1\n00:00:01,000 --> 00:00:04,000\n它用\n\n2\n00:00:05,000 --> 00:00:06,000\n八位整数。", ["它用八位整数。"]),
        ("WEBVTT\nKind: captions\n\n00:01.000 --> 00:04.000 align:start\nIt is small.", ["It is small."]),
    ],
)  # fmt: skip
def test_stamps_and_labels_of_one_speaker_are_left_out(raw: str, sentences: list[str], rubric: Rubric) -> None:
    assert _read(raw, rubric).sentences == sentences


def test_evidence_leads_back_over_time_stamps(rubric: Rubric) -> None:
    raw = "1\n00:00:01,000 --> 00:00:04,000\nIt is\n\n2\n00:00:05,000 --> 00:00:06,000\nsmall."
    answer = _read(raw, rubric)
    (sentence,) = answer.screening.sentences
    assert answer.evidence(sentence).quote == raw[raw.index("It is") :]


HONEST = [
    "Advantages: fast inference.\nDisadvantages: some accuracy is lost.",
    "优点：速度快。\n缺点：精度会下降。\n总结：一般值得。",
    "Note: calibration data matters.\nStep 1: collect data.\nStep 2: quantise.\nStep 3: evaluate.",
    "def f(x):\n    if x:\n        return x\n    else:\n        return 0",
    "Q: why INT8?\nBecause eight bits are enough for most weights.",
    "问：为什么要量化？\n因为显存不够，带宽也不够。",
    "Q: the query vector\nK: the key vector\nV: the value vector\nA: the attention matrix",
    "BERT: an encoder.\nGPT: a decoder.\nT5: both.\nBERT: masked words.\nGPT: next words?",
    "name: build\non: push\njobs:\n  test:\n    runs-on: ubuntu\n    steps:\n      - run: make",
    "Client: sends SYN.\nServer: replies SYN-ACK.\nClient: sends ACK.",
    "Generator: makes images.\nDiscriminator: tells real from fake.\nGenerator: improves. Which one wins?",
    "Pros: simple.\nCons: slow?\nPros: cheap.\nCons: fragile.",
    "User: where is my order?\nAssistant: It shipped yesterday.\nUser: thanks!",
    "The dialogue system answers as follows.\nCustomer: where is my parcel?\nAgent: let me check.\nCustomer: thanks.",
    "面试官通常会问项目经历：我会先讲背景。\n候选人应当说明自己的贡献。",
    "问题：显存不够。\n原因：激活值太大。\n解决：梯度检查点。",
    "问题：如何降低延迟？\n方案：用缓存。\n结果：延迟减半。",
    "第一：数据并行。\n第二：模型并行。\n第三：流水线并行。",
    "Situation: the service was slow.\nTask: halve latency.\nAction: I added a cache.\nResult: 40 ms.",
    "10:02 the alert fired\n10:05 we rolled back\n10:30 all green",
    "Atomicity: all or nothing.\nConsistency: valid states.\nIsolation: no interference.\nDurability: stays.",
    "A: atomicity\nC: consistency\nI: isolation\nD: durability",
    "I: identity\nR: rotation",
    "Candidate generation: fetch a thousand items.\nRanking: score them.\nRe-ranking: diversity.",
    "Query: what the user types.\nCandidate: a document that may match.\nScore: their similarity.",
    "Encoder: reads.\nDecoder: writes.\nEncoder: has full attention. Why?\nDecoder: causal.",
    "Teacher: a large model.\nStudent: a small model that imitates it.\nLoss: KL divergence.",
    "输入：一句话。\n输出：一个标签？\n输入：一张图。\n输出：一段话。",
    "用户：我的快递到哪了？\n助手：已经发出。\n用户：谢谢。",
    "http://example.org: the host\nftp://x: another",
    "Redis: in memory.\nPostgres: on disk.\nRedis: fast. Why? No seeks.",
    "任务：分类。\n数据：十万条。\n任务：还有检索吗？\n数据：没有。",
    '{"role": "user", "content": "hi"}\n{"role": "assistant"}',
    "Phase 1: pretrain. Phase 2: fine-tune. Phase 3: align.",
    "Precision: TP/(TP+FP)\nRecall: TP/(TP+FN)",
    "Monday: plan.\nTuesday: build.\nMonday: review?\nTuesday: ship.",
    "I asked the interviewer: what is the budget? Then I proposed two options.",
    "他问：预算多少？我答：五万。然后我们就定了方案。",
    "我：负责后端。\n同事：负责前端。",
    "My answer: use RAG.\nMy reason: facts change.",
    "Interviewers look for: clarity, depth, examples.",
    "Speaker diarization: who spoke when.\nSpeaker embedding: x-vectors.",
    "Host: api.example.org\nPort: 443\nHost: db.example.org\nPort: 5432",
    "Attacker: sends the poisoned page.\nModel: reads it.\nAttacker: gets the data. How to stop it?",
    "Leader: replicates the log.\nFollower: acknowledges.\nLeader: commits.",
    "[1] Vaswani et al.\n[2] Devlin et al.",
    "1. 数据清洗：去重。\n2. 训练：三轮。\n3. 评估：人工抽查。",
    "Ratio 3:1 and time 12:30 are figures.\nThe model ran from 00:10 to 00:20.",
]


@pytest.mark.parametrize("raw", HONEST)
def test_an_answer_with_colons_is_no_dialogue(raw: str, rubric: Rubric) -> None:
    answer = _read(raw, rubric)
    assert answer.unread["context"] == ()
    assert Flag.SPEAKERS_UNCLEAR not in answer.screening.flags


def test_no_answer_of_the_bank_is_a_dialogue() -> None:
    references = [reference.text for rubric in default_bank() for reference in rubric.references]
    graded = [
        answer.text(language)
        for set_ in load_qualifications().values()
        for answer in set_.answers
        for language in ("zh", "en")
    ]
    for text in [*references, *graded]:
        dialogue = read_dialogue(normalise(text).text)
        assert (dialogue.context, dialogue.is_clear) == ((), True), text


@pytest.mark.parametrize("candidate", ["interviewer", "interviewer_said_it_all", "Interviewer 7", "question-3", "q"])
@pytest.mark.parametrize("label", ["Interviewer", "Q", "Question"])
def test_a_reference_that_looks_like_a_role_makes_nobody_the_candidate(
    candidate: str, label: str, rubric: Rubric
) -> None:
    answer = "Candidate" if label == "Interviewer" else "A"
    raw = f"{label}: Is it that weights are stored as INT8?\n{answer}: Yes, they become smaller."
    assert _read(raw, rubric, candidate).sentences == ["Yes, they become smaller."]
