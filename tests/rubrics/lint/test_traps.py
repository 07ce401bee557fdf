from __future__ import annotations

import pytest

from vivavoce.rubrics import Language, Rubric, default_bank
from vivavoce.rubrics.lint.traps import Problem, list_traps

from ..builders import GATE, edited, translated, with_criterion

ABSENCES_EN = [
    "The answer must under no circumstances mention MD5.",
    "The answer at no point claims that MD5 is safe.",
    "The answer does not refer to MD5 at all.",
    "The answer correctly avoids the claim that MD5 is safe.",
    "The answer leaves the vendor's name out.",
    "No claims about performance are made.",
    "The answer gives a definition and does not include any opinion.",
    'The candidate never uses the word "obviously".',
    "Doesn't confuse latency with throughput.",
    "The answer shouldn't contain marketing terms.",
    "The answer is not allowed to mention vendor names.",
    "The answer describes caching while not mentioning Redis.",
    "The answer should be free of vendor names.",
    "The answer explains the trade-off, not mentioning any vendor.",
    "The student has not mentioned Redis.",
    "No vendor is mentioned.",
    "The answer does NOT state that LoRA changes the base weights.",
    "It avoids stating that LoRA changes the base weights.",
    "Refrains from blaming others.",
    "The answer contains neither insults nor threats.",
    "The answer must NOT mention POST as idempotent.",
    "The answer must not mention POST.",
    "The answer does not say that POST is idempotent.",
    "The answer doesn’t claim that INT8 is more accurate.",
    "The answer doesn't claim it.",
    "Must not mention the word blockchain.",
    "Does not mention prices.",
    "Avoids claiming that POST is safe.",
    "The answer avoids jargon.",
    "The answer avoids saying that GPUs are needed.",
    "Names GET and PUT without mentioning POST.",
    "The answer explains caching without claiming that it is free.",
    "The answer fails to mention POST.",
    "The answer never claims that the model is conscious.",
    "Never says that POST is idempotent.",
    "The candidate should not blame the team.",
    "The candidate does not blame colleagues.",
    "The response contains no false claims.",
    "No mention of POST as idempotent.",
    "There is no mention of POST.",
    "POST must not be mentioned as idempotent.",
    "It is not claimed that POST is idempotent.",
    "The answer names GET and does not mention POST.",
    "The answer names GET, but never claims that POST is idempotent.",
    "The answer explains idempotency, and the answer does not confuse it with safety.",
    "The answer refrains from recommending MD5.",
    "The answer omits any mention of MD5.",
    "The answer leaves out marketing language.",
    "The answer is free of errors.",
    "The answer says nothing about prices.",
    "The answer should avoid mentioning MD5.",
    "The answer must never recommend MD5.",
    "Do not mention MD5.",
    "Full marks if the answer does not mention MD5.",
    "Points for not mentioning MD5.",
    "The answer cannot include personal data.",
    "The answer neither claims that POST is safe nor that it is idempotent.",
    "It is important that the answer does not mention MD5.",
    "The candidate's answer does not contain invented numbers.",
    "Absence of mistakes about MD5.",
    "The answer mustn't say that POST is safe.",
    "Answer does not include any code.",
    "They never mention MD5.",
    "The answer isn't confusing TCP with UDP.",
    "The answer may not mention MD5.",
    "Correctly avoids claiming that attention is linear.",
    "The answer correctly does not equate correlation with causation.",
    "MD5 is never mentioned.",
    "MD5 should not be recommended in the answer.",
    "Nothing false is said about MD5.",
    "The answer does not use the word synergy.",
    "Without mentioning POST, the answer names GET.",
    "The answer makes no claim that POST is idempotent.",
    "The answer keeps silent about MD5.",
    "The answer stays away from the claim that MD5 is secure.",
    "The answer has no mistakes.",
    "Not mentioning MD5.",
    "Doesn't mention MD5.",
]
ABSENCES_ZH = [
    "回答中不能含有供应商名称。",
    "回答没有把延迟和吞吐量混淆。",
    "考生不应当提及薪资。",
    "答案不得出现“显然”一词。",
    "回答未将相关性说成因果性。",
    "不能把LoRA说成修改原始权重。",
    "回答绝不能声称MD5安全。",
    "回答说明了缓存的作用，同时没有提及Redis。",
    "回答不会误认为UDP可靠。",
    "全文未提到供应商。",
    "候选人避免了指责他人。",
    "不提及任何供应商名称。",
    "回答不得建議使用MD5。",
    "答案不應包含個人資料。",
    "回答並未提到供應商。",
    "回答没有说错概念。",
    "回答没有涉及个人隐私。",
    "不可声称MD5安全。",
    "回答不得提及POST是幂等的。",
    "回答不能提到POST。",
    "回答没有提到POST。",
    "没有提到POST是幂等的。",
    "不得提及价格。",
    "不能说POST是幂等的。",
    "未提及POST。",
    "回答未提及POST。",
    "避免提到MD5。",
    "回答避免使用专业黑话。",
    "回答应避免声称量化能提高精度。",
    "考生没有指责同事。",
    "回答中不得出现价格。",
    "回答中没有出现MD5。",
    "POST不应出现在回答中。",
    "回答从未声称模型有意识。",
    "回答提到GET，且没有提到POST。",
    "回答说明缓存的好处，但不声称它没有代价。",
    "在不提到MD5的情况下说明哈希。",
    "回答对MD5只字不提。",
    "回答不应把POST说成幂等。",
    "回答不包含虚构的数字。",
    "请勿提及MD5。",
    "严禁提到MD5。",
    "回答不會聲稱量化能提高精度。",
    "回答沒有提到POST是冪等的。",
    "不得提及MD5。",
    "未說明POST是冪等的。",
    "回答避免說POST是冪等的。",
    "不應把POST說成冪等。",
    "候选人不会混淆TCP与UDP。",
    "回答没有错误。",
    "回答没有混淆TCP与UDP。",
    "不要说POST是幂等的。",
    "回答不可以包含个人信息。",
    "答案里不要出现代码。",
    "回答必须避免提到MD5。",
    "回答没说POST是幂等的。",
    "回答不提POST。",
    "没有把POST说成幂等。",
    "回答并未声称POST是幂等的。",
    "不能被提到的是MD5。",
]
FACTS_EN = [
    "The answer says that LoRA does not change the base weights.",
    "The answer explains why the test set must not be used for tuning.",
    "The answer describes a situation in which the candidate did not get what they asked for.",
    "The answer states that UDP does not guarantee delivery.",
    "UDP does not guarantee delivery.",
    "The answer names a limit: the model cannot cite sources it has not seen.",
    "The answer explains that a mutex must never be held across an await.",
    "The answer gives an example where accuracy is not a good measure.",
    "The answer says what to do when a customer does not answer.",
    "The answer names a risk of not using version control.",
    "The answer explains how to avoid data leakage.",
    "The answer says that HTTP does not include encryption.",
    "The answer contrasts models with and without attention.",
    "The answer describes how dropout avoids co-adaptation.",
    "The answer mentions that without normalization the loss diverges.",
    "The answer says that no free lunch exists.",
    "Explains why one should not mention salary first.",
    "The answer tells what the candidate would not do again.",
    "The answer recommends not storing passwords in plain text.",
    "The answer says that the reply of a server must not include the key.",
    "The answer explains why goto must not be used.",
    "The answer explains why MD5 must not be used for passwords.",
    "The answer says that the service must not mention stack traces in error pages.",
    "The answer says that immutable data does not need locks.",
    "The answer states that dropout is not used at inference.",
    "The answer explains that passwords must not be included in logs.",
    "The answer warns against using MD5.",
    "The answer rejects the claim that POST is idempotent.",
    "The answer says that quantization without calibration loses accuracy.",
    "The answer explains how to refuse without saying no to the customer.",
    "The answer says that a log line should be written without mentioning the password.",
    "The answer says that the model makes things up and does not state facts.",
    "The answer does not only name the bug but explains its cause.",
    "The answer does not need to mention prices; it names the three costs.",
    "The answer names what a judge must not see: the grade of another judge.",
    "The answer says that no model is perfect.",
    "The answer names no-code tools as an alternative.",
    "The answer denies that POST is idempotent.",
    "The answer says that POST is not idempotent.",
    "POST is not idempotent.",
    "Immutable objects do not need locks.",
    "Dropout is not applied at inference.",
    "The answer describes a cache that never expires.",
    "The answer explains what happens when a node fails to respond.",
    "The answer names a way to avoid overfitting.",
    "Avoids deadlocks by taking locks in one order.",
    "The answer says how regularization avoids overfitting.",
    "The answer tells how the candidate did not give up.",
    "The answer is not limited to one example: it names two.",
    "The answer says that the client must never say its password aloud.",
    "The answer explains why a RAG system should not claim what its sources do not say.",
    "The answer says that a refusal must not mention the policy.",
    "The answer names a decoder that does not use recurrence.",
    "The answer says that a prompt must state what not to mention.",
    "The answer states that the reference must not be shown, so that candidates cannot copy it.",
    "The answer gives an example of a claim that was never mentioned in the source.",
    "The answer says that the optimizer lacks momentum.",
    "The answer says the loss without regularization grows.",
    "Compares SGD without momentum to Adam.",
    "Explains that leaving out the bias term changes nothing.",
    "The answer says that a fair test is one that does not mention gender.",
]
FACTS_ZH = [
    "回答说明UDP不保证送达。",
    "UDP不保证送达。",
    "回答解释为什么测试集不能用于调参。",
    "回答举例说明准确率不适用的情形。",
    "回答说出不使用版本控制的风险。",
    "回答指出互斥锁不能跨越异步等待持有。",
    "回答描述候选人没有得到所需资源的一次经历。",
    "回答说出如果客户不回复该怎么办。",
    "回答指出LoRA不修改原始权重。",
    "没有归一化时损失会发散，回答指出这一点。",
    "不使用注意力的模型也要举例。",
    "回答建议不要明文存储密码。",
    "回答說明測試集不能用於調參的原因。",
    "回答提醒不要在日志中包含密钥。",
    "避免过拟合的两种方法都要说出。",
    "回答强调不能只看准确率。",
    "回答说明不可逆操作需要确认。",
    "未登录用户的请求要被拒绝。",
    "回答说明为什么不能使用MD5。",
    "回答指出不会过拟合的条件。",
    "回答指出日志不得包含密码。",
    "回答说明POST不是幂等的。",
    "不会过拟合。",
    "POST不是幂等的。",
    "回答说明不可变对象不需要加锁。",
    "回答不仅说出名称，还给出原因。",
    "回答不必提到价格，只要说出三种代价。",
    "回答说明如何避免过拟合。",
    "避免死锁的方法是按固定顺序加锁。",
    "回答指出模型没有提到的事实不能编造。",
    "回答拒绝“POST是幂等的”这一说法。",
    "回答否认POST是幂等的。",
    "回答说出两种不同的方法。",
    "回答指出不应向候选人透露答案。",
    "不同方法的比较：两种都说出来。",
    "答案不唯一，回答说出其中的原因。",
    "回答解释为何不能提到用户的姓名。",
    "回答说明提示词里不得提及评分标准的原因。",
    "回答描述了没有使用循环结构的解码器。",
    "无需训练即可使用。",
    "未经授权不得访问的数据要加密，回答说出这一点。",
    "回答說明為什麼不能使用MD5。",
    "回答指出量化不會提高精度。",
    "没有偏置项时输出过原点。",
    "回答指出RAG在没有来源时不应声称事实。",
]
COUNTS_EN = [
    "Mentions at least 2 of these 4 points: cost, speed, memory, accuracy.",
    "The answer names any three of the following metrics: A, B, C, D.",
    "Either two of A, B and C are named.",
    "At least two of GET, PUT or DELETE are mentioned.",
    "Names 3 or more from the list: A, B, C, D.",
    "Lists two of the four causes (A, B, C, D).",
    "The answer covers 2/3 of: A, B, C.",
    "The answer gives at least one of the following reasons: cost, speed.",
    "Any two of: GET, PUT, DELETE, HEAD.",
    "The answer names any two of GET, PUT, DELETE and HEAD.",
    "Names at least 3 of the following: A, B, C, D.",
    "The answer names at least three of the five stages.",
    "The answer mentions one or more of: caching, batching, pruning.",
    "Two or more of GET, PUT, DELETE.",
    "The answer names at least two methods: GET, PUT, DELETE, HEAD.",
    "The answer names two or more methods (GET, PUT, DELETE).",
    "Two of the following are named: A, B, C.",
    "The answer names 2 out of 4: A, B, C, D.",
    "At least two: speed, memory, accuracy.",
    "The answer names any 2 from A, B, C.",
    "Names three of these: A, B, C, D.",
    "One of the following: A, B, C.",
    "The answer covers most of the following: A, B, C.",
    "Any three of these points: A; B; C; D.",
    "Minimum 2 of A, B, C.",
    "The answer names exactly two of: A, B, C.",
    "Mentions two of: A / B / C",
]
COUNTS_ZH = [
    "回答说出A、B、C、D中的任意三个。",
    "以下要点至少答出两点：A；B；C。",
    "四点中答对两点即可：A、B、C、D。",
    "从A、B、C中任选两个说明。",
    "满足下列任意一项：A、B、C。",
    "至少包含两项（A、B、C）。",
    "提到A、B、C、D四者中的两者以上。",
    "任意两个：GET、PUT、DELETE、HEAD。",
    "回答说出以下方法中的任意两种：A、B、C。",
    "至少两点：速度、内存、精度。",
    "回答至少提到两点：速度、内存、精度。",
    "任选其一：A、B、C。",
    "回答答出下列三项中的两项：A、B、C。",
    "回答说出GET、PUT、DELETE中的至少两个。",
    "回答提到其中任意三点（A、B、C、D）。",
    "两种以上：A、B、C。",
    "回答說出以下方法中的任意兩種：A、B、C。",
    "至少兩點：速度、記憶體、精度。",
    "任選其一：A、B、C。",
    "回答说出下列之一：A、B、C。",
    "三选二：A、B、C。",
    "回答说出两个或以上（A、B、C）。",
    "任意2个：A、B、C",
    "其中任意三项：A、B、C、D",
    "至少说出三种方法：A、B、C、D。",
    "回答列出A、B、C中任意两项。",
]
NO_COUNTS_EN = [
    "The answer names at least two idempotent methods.",
    "The answer names at least one concrete vulnerability to look for in the code, such as reentrancy or overflow.",
    "The answer says that two of three replicas must agree.",
    "The answer says that at least two of three replicas must confirm.",
    "The answer names one of the two protocols.",
    "The answer says that any two of the nodes can form a quorum.",
    "The answer names at least two ways of assisting staff, such as A or B.",
    "The answer gives a reason: cost, speed or memory.",
    "The answer names two costs.",
    "The answer names at least two savings (for example caching or batching).",
    "The answer explains how one or more of the heads can be pruned.",
    "Names a metric such as accuracy, F1 or recall.",
    "The answer names one of A and B as cheaper.",
]
NO_COUNTS_ZH = [
    "回答至少说出三种代价。",
    "回答至少说出两种方法，如A、B或C。",
    "回答指出三个副本中至少两个要确认。",
    "回答说出两种方法。",
    "回答说明任意一个节点都能写入。",
    "回答至少给出一个例子（例如A、B）。",
    "回答比较A、B两种方法。",
    "回答说出原因：速度、内存或精度。",
    "回答指出任意两个节点之间都有边。",
]


def _list_problems(rubric: Rubric, text: str, *, at: int = 0) -> list[Problem]:
    """What is found when criterion `at` has this statement, in the language of the statement."""
    language: Language = "zh" if any(character >= "\u4e00" for character in text) else "en"
    spoken = translated(rubric) if language == "zh" else rubric
    return list(list_traps(edited(spoken, "criteria", at, "statement", value=text)))


@pytest.mark.parametrize("text", [*ABSENCES_EN, *ABSENCES_ZH])
def test_a_merit_that_is_an_absence_is_found_with_the_right_way(rubric: Rubric, text: str) -> None:
    (problem,) = _list_problems(rubric, text)
    assert (problem.location, problem.rule) == (("criteria", 0, "statement"), "absence")
    assert "kind: negative" in problem.message
    claim = "回答声称……" if any(character >= "\u4e00" for character in text) else "The answer claims that …"
    assert claim in problem.message


@pytest.mark.parametrize("text", [*ABSENCES_EN[:8], *ABSENCES_ZH[:8]])
def test_a_mistake_that_is_an_absence_is_found_with_the_right_way(rubric: Rubric, text: str) -> None:
    (problem,) = _list_problems(rubric, text, at=3)
    assert (problem.location, problem.rule) == (("criteria", 3, "statement"), "double-negation")
    assert "kind: binary" in problem.message


@pytest.mark.parametrize("text", [*FACTS_EN, *FACTS_ZH, *NO_COUNTS_EN, *NO_COUNTS_ZH])
def test_a_fact_about_the_subject_may_be_negative_or_a_number(rubric: Rubric, text: str) -> None:
    assert _list_problems(rubric, text) == []


@pytest.mark.parametrize("text", [*COUNTS_EN, *COUNTS_ZH])
def test_a_number_from_a_list_is_found_with_the_right_way(rubric: Rubric, text: str) -> None:
    (problem,) = _list_problems(rubric, text)
    assert (problem.location, problem.rule) == (("criteria", 0, "statement"), "any-of")
    assert "kind: ordinal" in problem.message


def test_the_words_are_quoted_as_the_rubric_has_them(rubric: Rubric) -> None:
    assert "'沒有提到'" in _list_problems(rubric, "回答沒有提到POST是冪等的。")[0].message
    assert "'must NOT mention'" in _list_problems(rubric, "Must NOT mention POST.")[0].message.replace("Must", "must")


def test_lower_levels_may_say_what_is_missing_and_count(rubric: Rubric) -> None:
    low = edited(rubric, "criteria", 1, "levels", 0, "description", value="The answer does not mention a way.")
    counted = edited(low, "criteria", 1, "levels", 1, "description", value="Names any two of: PTQ, QAT, GPTQ.")
    assert list(list_traps(counted)) == []


def test_the_best_level_may_not_be_an_absence(rubric: Rubric) -> None:
    worded = edited(rubric, "criteria", 1, "levels", 2, "description", value="Does not mention FP16.")
    assert [(p.location, p.rule) for p in list_traps(worded)] == [(("criteria", 1, "levels", 2), "absence")]


def test_a_gate_may_not_be_an_absence(rubric: Rubric) -> None:
    gated = with_criterion(rubric, {**GATE, "statement": "The answer does not mention names."})
    assert [problem.rule for problem in list_traps(gated)] == ["absence"]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (("criteria", 0, "statement"), "<p>The answer names INT8.</p>"),
        (("criteria", 1, "levels", 1, "description"), "Names one way.<br>"),
        (("expected_points", 0, "text"), "INT8 &amp; INT4 are used."),
        (("references", 0, "text"), 'INT8 is <span class="x">small</span>.'),
        (("question", "text"), "What&nbsp;is INT8?"),
    ],
)
def test_html_is_found_where_it_is(rubric: Rubric, path: tuple[str | int, ...], text: str) -> None:
    (problem,) = list_traps(edited(rubric, *path, value=text))
    assert problem.rule == "html"
    assert problem.location == (path[:-1] if path[-1] == "description" else path)


@pytest.mark.parametrize(
    "text", ["if a < b and c > d", "vector<int> and map<K, V>", "names the <table> tag", "R&D; x&y"]
)
def test_code_and_named_tags_are_no_html(rubric: Rubric, text: str) -> None:
    assert list(list_traps(edited(rubric, "criteria", 0, "statement", value=text))) == []


def test_the_bank_has_none_of_these() -> None:
    assert [problem for rubric in default_bank() for problem in list_traps(rubric)] == []
