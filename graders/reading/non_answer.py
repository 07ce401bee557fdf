"""Answers that only say that nothing is known, "I don't know" and its like, and marks of an answer that is not there.

Such an answer gets 0 without a judge, so that it must say nothing else: skip connections, forget gates and 不会过拟合
are knowledge.
"""

from __future__ import annotations

import re
from functools import cache

from . import normal_text
from .terms import terms

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
# Beside these nothing may be told but the question's words: "If I don't know the cause, I bisect" is an answer.
_NOT_KNOWN = re.compile(
    rf"""(?ix) \b(?:{_NOT_KNOWING})\b | {_NOT_KNOWING_HAN}
    | 我(?:完全|确实|真的|还|也|实在|目前|暂时|都|从来|之前|以前)* {_NOT_ABLE_HAN}"""
)
# These mean it only when they stand alone: think of skip connections, forget gates, 不会过拟合.
_ALONE = re.compile(rf"(?ix) \b(?:forgot|forget|pass|skip)\b | {_NOT_ABLE_HAN} | 忘记?[了光]? | 跳过 | 过吧 | 下一题")
# What collections of answers write where there was none.
_PLACEHOLDER = re.compile(
    r"""(?ix) \W* (?:
      (?:no|empty|blank) \s+ (?:response|submission|answer) (?:\s+(?:was\s+)?(?:given|provided|submitted))?
    | (?:not|never) \s+ (?:answered|submitted|attempted) | left \s+ (?:blank|empty)
    | (?:该|此|本)?题?\s*(?:未|没有|没)(?:作答|回答|提交|填写|答) | 无(?:作答|回答|应答|答案|内容) | 空白 | 略
    ) \W*"""
)
_CLAUSE_END = re.compile(
    r"[,，.。!！?？;；:：…\n]+|\b(?:but|however|though|although)\b|但是|但|不过|可是|只是(?!听说|听过|见过)"
)
# Characters that carry grammar or politeness: a pair with one of them is no sign of knowledge.
_FUNCTION_HAN = frozenset(
    "我你您他她它们是说过只吧这那嘛呢吗就会好不没有了的得地着也都还很太在和与或而及以为把被对从到要能可"
    "想看听做用懂问答啊哦嗯呃抱歉谢请个道题块方面前次先生老师实际其以平时接触知一下怎么什哪些何"
)
# What decides here, for the record of what screening looked for.
RULES = (
    *(pattern.pattern for pattern in (_NOT_KNOWN, _ALONE, _PLACEHOLDER, _CLAUSE_END)),
    "".join(sorted(_FUNCTION_HAN)),
)


def is_placeholder(answer: str) -> bool:
    """Whether this is nothing but a mark that there is no answer, such as "No response" or 未作答."""
    return bool(_PLACEHOLDER.fullmatch(answer))


def says_it_does_not_know(rest: str, question: frozenset[str]) -> bool:
    """Whether a clause says so, and none says anything else; `question` has the question's terms."""

    def disclaims(clause: str) -> bool:
        def beside(pattern: re.Pattern[str]) -> frozenset[str] | None:
            """What the clause says beside what the pattern finds; None where it finds nothing."""
            left, count = pattern.subn(" ", clause)
            return substance(left) if count else None

        not_known, alone = beside(_NOT_KNOWN), beside(_ALONE)
        return (not_known is not None and not_known <= question) or (alone is not None and not alone)

    clauses = _CLAUSE_END.split(rest)
    others = [clause for clause in clauses if not disclaims(clause)]
    return len(others) < len(clauses) and not substance("\n".join(others))


def substance(said: str) -> frozenset[str]:
    """The terms of a text that are neither filler nor grammar."""
    found = terms(said) - filler_terms()
    return frozenset(term for term in found if not (normal_text.has_han(term) and _FUNCTION_HAN & set(term)))


@cache
def filler_terms() -> frozenset[str]:
    """Terms of politeness and of talk about the question itself."""
    # Made when first needed: stemming loads a language library that a process without grading can do without.
    return terms(
        """sorry honestly honest really actually question topic next please move think thought thing stuff about before
        here one yet much anything nothing something time now afraid guess maybe perhaps well ok okay um hmm uh hi thank
        thanks haven hear learn study read cover heard come across look good ask interview skip pass remember know idea
        clue sure never have no not all unfortunately am im still else rest go name term concept
        work use explain describe mention say tell please answer
        内容 知识 答案 意思 思路 原理"""
    )
