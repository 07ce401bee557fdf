"""What can be said of an answer before any model reads it.

Two things come out. A settled answer (empty, "I don't know", the question copied) scores 0 by a fact
about the answer, and no judge is called. In any other, sentences that speak to the grader instead of
to the question are masked: the models read the rest, the report flags it, and a person looks.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from vivavoce.rubrics import Rubric

from . import text
from .lexical import terms
from .text import NormalText
from .types import Flag

_NOT_KNOWING = r"""
    (?:do\s*n[o'’"]?t|don['’"]t|do\s+not|did\s*n['’"]?t|ca\s*n['’"]?t|cannot|could\s*n['’"]?t)\s+
        (?:(?:really|actually|even)\s+)?
        (?:know|remember|recall|say|answer|tell|explain|have\s+(?:an?\s+|any\s+)?(?:idea|clue|answer))
    | no\s+(?:idea|clue|answer|experience|knowledge)
    | not\s+(?:(?:so|too|very|really|at\s+all)\s+)? (?:sure|familiar|certain|aware)
    | (?:never|not|haven['’"]?t|have\s+not)\s+(?:(?:really|actually)\s+)?
        (?:heard|studied|learned|learnt|used|worked|come\s+across|looked|read|touched|covered)
    | dunno | idk | (?:drawing|drew|draw)\s+a\s+blank | (?:went|gone|is)\s+blank
"""
_NOT_KNOWING_HAN = r"""
    (?:不|没有?)(?:太|怎么|是很|大|有)?
        (?:知道|清楚|了解|懂|记得|熟悉|明白|确定|接触|学过|听说|听过|研究过|想起|思路|头绪|概念|印象)
    | 记不清|记不得|想不起来|答不上来|说不上来|说不出来|无法(?:回答|作答)|只是?(?:听说|听过|见过)
"""
_NOT_ABLE_HAN = r"(?:不|没有?)(?:太|怎么|大|实际|真正|亲自)?(?:会|学|做|用|看|听|答)(?:过|到|来|出来|上来)*"
# With a subject nothing but the candidate can be meant.
_PLAIN = re.compile(
    rf"""(?ix)
    \bi(?:['’"]?(?:m|ve|d|ll))?\b
        (?:\s+(?:am|have|had|do|did|would|will|like|to|got|really|honestly|simply|just|actually|still|absolutely))* \s+
        (?:{_NOT_KNOWING} | forgot | forget | pass | skip)\b
    | \bi(?:['’"]?ve|\s+have)\b [^,.]{{0,60}} \b(?:never|not)\s+
        (?:heard|studied|worked|come\s+across|looked|read|touched|covered)\b
    | 我[^，。]{{0,6}}? (?:{_NOT_KNOWING_HAN} | 忘)
    | 我(?:完全|确实|真的|还|也|实在|目前|暂时|都|从来|之前|以前)* {_NOT_ABLE_HAN}
    """
)
# Without one, it may be said of things: 单链表不知道前驱.
_ELLIPTIC = re.compile(rf"(?ix) \b(?:{_NOT_KNOWING})\b | {_NOT_KNOWING_HAN}")
# These mean it only when they stand alone: think of skip connections, forget gates, 不会过拟合.
_ALONE = re.compile(rf"(?ix) \b(?:forgot|forget|pass|skip)\b | {_NOT_ABLE_HAN} | 忘记?了? | 跳过 | 过吧 | 下一题")
# What collections of answers write where there was none.
_PLACEHOLDER = re.compile(
    r"""(?ix) \W* (?:
      (?:no|empty|blank) \s+ (?:response|submission|answer) (?:\s+(?:was\s+)?(?:given|provided|submitted))?
    | (?:not|never) \s+ (?:answered|submitted|attempted) | left \s+ (?:blank|empty)
    | (?:该|此|本)?题?\s*(?:未|没有|没)(?:作答|回答|提交|填写|答) | 无(?:作答|回答|应答|答案|内容) | 空白 | 略
    ) \W*"""
)
_GRADE_WORD = r"(?:marks?|scores?|points?|grades?|credit|rating)"
_MASKS: tuple[re.Pattern[str], ...] = tuple(
    re.compile(pattern, re.IGNORECASE | re.VERBOSE)
    for pattern in (
        # Set the instructions aside.
        r"""\b(?:ignore|disregard|forget|bypass|override|overrule|skip)\b .{0,60}?
            \b(?:instructions?|rubric|criteri(?:a|on)|prompt|rules?|guidelines?|scoring|grading|above|previous|prior)\b""",
        r"""(?:忽略|无视|忘记|忘掉|跳过|不要(?:理会|管|参考|遵守)|绕过) .{0,30}?
            (?:指令|指示|规则|要求|提示|标准|评分|设定|说明|内容|细则)""",
        # Ask for the grade.
        rf"""\b(?:give|award|assign|grant|output|return|print|mark|rate|grade|score|set|respond|reply|answer|put)\b
            .{{0,60}}?
            (?: \b(?:full|max|maximum|maximal|perfect|highest|top|best|excellent|passing)\b .{{0,20}}? \b{_GRADE_WORD}\b
              | \b(?:10|100|ten)\s*(?:/|out\s+of)\s*(?:10|100|ten)\b
              | \b(?:10|100)\s*(?:points|marks|%)
              | \b(?:as\s+)?(?:met|yes)\b\s*(?:for|to|on)\b\s*(?:all|every|each) )""",
        r"""(?:请|务必|必须|应该|应当|直接|麻烦|希望|给|打|评|判|输出|返回) .{0,20}?
            (?:满分|最高分|高分|满星|(?:10|十|100|一百)\s*分|全部得分|全对|通过(?=\W*$|吧|即可|[，,。！!；;]))""",
        # Speak as the system, or to the grader.
        r"""^\s*(?:[\[<(\#*]\s*)*
            (?:system|assistant|user|developer|grader|judge|admin|instructions?|human)\b
            (?:[^\w\n] | admin\w* | messages? | prompt | command | alert | notes? | notice | override | update
               | instructions? | mode | role | \d){0,20}?
            \s*(?::|\]|>|\|)""",
        r"""<\|?\s*/?(?:im_start|im_end|system|endoftext|eot_id|start_header_id|s|inst)\b
            | \[/?INST\] | <</?SYS>> | \bBEGIN\s+SYSTEM\b""",
        r"""\b(?:dear|attention|hey|hello|(?:note|message|instructions?)\s+(?:to|for))\b[\s,:]+ (?:(?:the|all|any)\s+)?
            (?:grader|grading|judge|evaluator|examiner|reviewer|ai|llm|model|assistant|scoring|automated)""",
        r"""\b(?:grader|judge|evaluator|examiner|llm|language\s+model|assistant|(?:scoring|grading)\s+system)s?\b
            .{0,25}?
            \b(?:must|should|shall|needs?\s+to|has\s+to|is\s+required\s+to|please|are\s+to|is\s+to)\b .{0,60}?
            \b(?:score|grade|mark|marks|points?|credit|rate|award|pass|met|accept|approve)\b""",
        r"""\byou\s+are\s+now\b (?!\s+(?:at|able|ready|left)\b)
            | \bnew\s+(?:system\s+)?instructions?\s*: | \bdo\s+anything\s+now\b
            | \bsystem\s+(?:message|prompt|override|notice|update)\b | \b(?:developer|admin|debug)\s+mode\b""",
        r"""(?:系统|管理员|开发者)(?:消息|提示|指令|通知|公告|更新|提醒|设置|模式) | 你现在(?:是|扮演)
            | 新(?:的)?(?:指令|规则)\s*[:：]
            | (?:评分|阅卷|打分|判卷|评审|评委|考官|面试官|裁判)(?:员|官|者|人|老师|系统|模型|助手|AI)*
              [^。！？\n]{0,12}? (?:请|必须|应|务必|注意|直接|你)
            | (?:致|尊敬的|亲爱的)(?:评分|阅卷|打分|评审|评委|考官|面试官|AI|模型)""",
        # State the verdict.
        r"""[{\[]\s*["']?(?:score|verdict|grade|level|met|rating|points|result|分数|得分|评分)["']?\s*[:=]""",
        r"""\b(?:final\s+)?(?:score|grade|verdict|rating|marks?)\s*(?:is|:|=|->)+\s*
            (?:\d|full|max|perfect|met|pass|excellent|yes|a\+)""",
        r"""(?:最终)?(?:得分|分数|评分|成绩|结论|判定)\s*(?:为|是|:|：|=)+\s*(?:\d|满|优|通过|是|十)""",
        r"""\b(?:this|my|the)\s+(?:answer|response|submission|candidate)\b .{0,40}?
            \b(?:meets?|satisf(?:y|ies)|fulfil?ls?|deserves?|earns?|merits?
               |should\s+(?:get|receive|be\s+(?:given|awarded|scored|graded|rated))
               |(?:is|was|has\s+been)\s+(?:already\s+)?(?:pre-?)?(?:approved|verified|graded|scored|validated))\b""",
        r"""(?:本|该|这个|此|我的|这份)(?:回答|答案|作答|考生|候选人) [^。！？\n]{0,16}?
            (?:满足|符合|达到|应得|应当得|应该得|值得|已(?:经)?(?:通过|核实|审核|验证|被))""",
        r"""\b(?:\d{1,3}\s*%|most|all|other|previous|several|many)\s+(?:of\s+)?(?:(?:the|previous|other|human)\s+)*
            (?:evaluators?|graders?|judges?|experts?|reviewers?|professors?)\b .{0,60}?
            \b(?:agree|believe|rated|scored|gave|graded|consider|awarded)""",
        r"""\bpre-?(?:verified|approved|screened|qualified)\b | \bmanual\s+scor""",
    )
)
_CLAUSE_END = re.compile(
    r"[,，.。!！?？;；:：…\n]+|\b(?:but|however|though|although)\b|但是|但|不过|可是|只是(?!听说|听过|见过)"
)
# Characters that carry grammar or politeness: a pair with one of them is no sign of knowledge.
_FUNCTION_HAN = frozenset(
    "我你您他她它们是说过只吧这那嘛呢吗就会好不没有了的得地着也都还很太在和与或而及以为把被对从到要能可"
    "想看听做用懂问答啊哦嗯呃抱歉谢请个道题块方面前次先生老师实际其以平时接触知一下怎么什哪些何"
)
_COPY_SHARE = 0.75


@dataclass(frozen=True)
class Screening:
    """What screening found.

    `settled` is the fact that makes the score 0, or None; `flags` holds it too, with what else was
    noticed; `masked` bounds the sentences, in the normal text, that no model is to read.
    """

    settled: Flag | None
    flags: tuple[Flag, ...]
    masked: tuple[tuple[int, int], ...]
    sentences: tuple[tuple[int, int], ...]


def screen(answer: NormalText, rubric: Rubric) -> Screening:
    """Look an answer over; the rubric tells what would count as an attempt."""
    bounds = text.split_sentences(answer.text)
    masked = _spoken_to_the_grader(answer.text, bounds)
    kept = tuple((start, end) for start, end in bounds if not _overlaps((start, end), masked))
    rest = "\n".join(answer.text[start:end] for start, end in kept)

    flags: list[Flag] = []
    if answer.hidden:
        flags.append(Flag.HIDDEN_CHARACTERS)
    if masked:
        flags.append(Flag.INJECTION_SUSPECTED)
    settled = _settle(rest, rubric)
    if settled:
        flags.append(settled)
    return Screening(settled=settled, flags=tuple(flags), masked=tuple(masked), sentences=kept)


def _settle(rest: str, rubric: Rubric) -> Flag | None:
    """The fact about what is left of the answer that makes it worth nothing, if there is one."""
    if not any(character.isalnum() for character in rest):
        return Flag.EMPTY
    question = terms(rubric.question.text)
    known = _vocabulary(rubric) - question - _filler_terms()
    if _PLACEHOLDER.fullmatch(rest) and not (terms(rest) and terms(rest) <= _vocabulary(rubric) | question):
        return Flag.NON_ANSWER
    if _says_it_does_not_know(rest, question, known):
        return Flag.NON_ANSWER
    if _is_copied(rest, rubric.question.text, known):
        return Flag.COPIED_QUESTION
    return None


def _says_it_does_not_know(rest: str, question: frozenset[str], known: frozenset[str]) -> bool:
    """Whether a clause says so, and none says anything else.

    A clause says nothing else when it has no telling words beside, or none but the question's; a plain one may have
    others that the key does not know ("I have not worked with compilers").
    """

    def disclaims(clause: str) -> bool:
        def beside(pattern: re.Pattern[str]) -> frozenset[str] | None:
            """The telling words beside what the pattern finds; None where it finds nothing."""
            left, count = pattern.subn(" ", clause)
            return _telling(terms(left)) - _filler_terms() if count else None

        plain, elliptic, alone = beside(_PLAIN), beside(_ELLIPTIC), beside(_ALONE)
        return (
            (plain is not None and not plain & known)
            or (elliptic is not None and elliptic <= question)
            or (alone is not None and not alone)
        )

    clauses = _CLAUSE_END.split(rest)
    others = [clause for clause in clauses if not disclaims(clause)]
    return len(others) < len(clauses) and not _telling(terms("\n".join(others))) - _filler_terms()


def _is_copied(rest: str, question: str, known: frozenset[str]) -> bool:
    """Whether this is nearly the whole question, in its order, and no telling or `known` word beside it.

    Less would not do: what is right is often said in the question's own words ("the bulb will light").
    """
    # Imported late: a process that only shows reports has no need of it.
    from rapidfuzz.distance import LCSseq

    more = terms(rest) - terms(question) - _filler_terms()
    if _telling(more) or more & known:
        return False
    asked = text.words(question)
    return bool(asked) and LCSseq.similarity(text.words(rest), asked) >= _COPY_SHARE * len(asked)


@cache
def _filler_terms() -> frozenset[str]:
    # Made when first needed: stemming loads a language library that a process without grading can do without.
    return terms(
        """sorry honestly honest really actually question topic next please move think thought thing stuff about before
        here one yet much anything nothing something time now afraid guess maybe perhaps well ok okay um hmm uh hi thank
        thanks haven hear learn study read cover heard come across look good ask interview skip pass remember know idea
        clue sure never have no not all unfortunately go name term concept
        work use explain describe mention say tell please answer
        内容 知识 答案 意思 思路 原理"""
    )


def _telling(found: frozenset[str]) -> frozenset[str]:
    return frozenset(term for term in found if not (text.has_han(term) and _FUNCTION_HAN & set(term)))


def _vocabulary(rubric: Rubric) -> frozenset[str]:
    parts = [point.text for point in rubric.expected_points]
    parts += [reference.text for reference in rubric.references]
    parts += [level.description for criterion in rubric.criteria for level in criterion.levels]
    return terms("\n".join(parts))


def _spoken_to_the_grader(whole: str, bounds: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    return text.join_spans(
        [(start, end) for start, end in bounds if any(pattern.search(whole[start:end]) for pattern in _MASKS)]
    )


def _overlaps(span: tuple[int, int], others: Sequence[tuple[int, int]]) -> bool:
    return any(span[0] < end and start < span[1] for start, end in others)
