"""Answers that only say "I don't know".

Such an answer scores 0 without a judge, so it must say nothing else: "skip connections" and 不会过拟合 are content.
"""

from __future__ import annotations

import re
from functools import cache

from . import normal_text
from .placeholders import is_mark
from .terms import terms

_NOT_KNOWING = r"""
    (?:do\s*n[o'’"]?t|don['’"]t|do\s+not|did\s*n['’"]?t|ca\s*n['’"]?t|cannot|could\s*n['’"]?t)\s+
        (?:(?:really|actually|even)\s+)?
        (?:know|remember|recall|say|answer|tell|explain|think\s+of\s+anything
            |have\s+(?:an?\s+|any\s+|the\s+(?:faintest\s+|slightest\s+)?)?(?:idea|clue|answer))
    | no\s+(?:idea|clue|answer|experience|knowledge|recollection|memory\s+of)
    | not\s+(?:(?:so|too|very|really|at\s+all|quite|entirely)\s+)? (?:sure|familiar|certain|aware)
    | have\s*n['’"]?t\s+(?:(?:an?|any|the\s+(?:faintest|slightest|foggiest))\s+)?(?:idea|clue)
    | (?:i\s+am|i['’]m)\s+(?:(?:so|totally|completely|really)\s+)?(?:lost|clueless|stuck|unsure|uncertain|stumped)
    | i\s+(?:give|gave)\s+up | beats\s+me | (?:slipped|escapes|escaped)\s+(?:my\s+mind|me)
    | can(?:no|['’"]?)t\s+think\s+of\s+(?:an\s+answer|anything)
    | (?:never|not|haven['’"]?t|have\s+not)\s+(?:(?:really|actually)\s+)?
        (?:heard|studied|learned|learnt|used|worked|come\s+across|looked|read|touched|covered)
    | dunno | idk | (?:drawing|drew|draw)\s+a\s+blank
    | (?:(?:my|the)\s+)?(?:mind|head|brain)\s+(?:just\s+)?(?:went|has\s+gone|is|was)\s+
        (?:completely\s+|totally\s+)?blank
    | (?:went|gone|is)\s+blank | blanked\s+out
"""
_NOT_KNOWING_HAN = r"""
    (?:完全|根本|压根|实在|真的?|一点儿?[都也]?|暂时|确实)?(?:不|没有?)(?:太|怎么|是很|大|有)?
        (?:知道|清楚|了解|懂|记得|熟悉|明白|确定|接触|学过|听说|听过|研究过|想起|思路|头绪|概念|印象
            |晓得|把握|复习到?|准备过?|背过|想法|看懂|听懂)
    | 记不(?:清|得|起来|住)|想不(?:起来|出来?|到)|[答说回]不(?:上|出)来?|回答不了|答不了|说不清楚?|无法(?:回答|作答)
    | 只是?(?:听说|听过|见过) | 一(?:无所知|窍不通|头雾水|点都?不会|点也不会) | 毫无(?:头绪|思路|印象|概念)
    | (?:脑子|大脑|脑袋|脑海)?(?:里|中)?一片空白 | 知识盲区 | 我的盲区 | 放弃(?:作答|回答|这道?题)
"""
_NOT_ABLE_HAN = r"(?:不|没有?)(?:太|怎么|大|实际|真正|亲自)?(?:会|学|做|用|看|听|答)(?:过|到|来|出来|上来)*"
# "If I don't know the cause, I bisect" is an answer.
_NOT_KNOWN = re.compile(
    rf"""(?ix) \b(?:{_NOT_KNOWING})\b | {_NOT_KNOWING_HAN}
    | 我(?:完全|确实|真的|还|也|实在|目前|暂时|都|从来|之前|以前)* {_NOT_ABLE_HAN}"""
)
# Only on their own: "skip connections" and 不会过拟合 are content.
_ALONE = re.compile(
    rf"""(?ix) \b(?:forgot|forget|pass|skip)\b | {_NOT_ABLE_HAN} | 忘[记光]?[了光]? | 跳过 | 过吧 | 下一题
    | 放弃 | 弃权 | 超纲了?"""
)
# An answer where the key says the same: "The team ran out of time."
_NOT_REACHED = re.compile(
    r"""(?ix) \b (?: (?:did\s*n['’"]?t|did\s+not|never|could\s*n['’"]?t|could\s+not
        |was\s*n['’"]?t\s+able\s+to|unable\s+to)
        \s+ (?:(?:quite|even|really|actually|manage\s+to|ever)\s+)?
        (?: (?:get|got|make\s+it|come)\s+(?:to|around\s+to|round\s+to|that\s+far|here|this\s+far)
            | reach | finish | complete | start | attempt | try | have\s+(?:(?:the|any|enough|more)\s+)?time )
        (?: \s+(?:it|this|that|one|here|question|part|section|the|answering|writing|doing|to|answer|do|write
            |finish)\b )*
    | (?:ran|run|running|was|am|i['’]m|we['’]re|were)\s+(?:out\s+of|short\s+(?:of|on))\s+time | out\s+of\s+time
    | (?:had|have|there\s+(?:was|is))\s+(?:no|not\s+enough|too\s+little)\s+(?:more\s+)?time(?:\s+(?:left|remaining))?
    | (?:no|not\s+enough|insufficient)\s+(?:more\s+)?time
        (?:\s+(?:left|remaining|to\s+(?:answer|finish|do\s+(?:it|this))))?
    | (?:the\s+|my\s+)?time(?:['’]s|\s+is|\s+was|\s+ran|\s+has\s+run)?\s+(?:up|out|over) | timed\s+out
    | before\s+i\s+(?:got|came|could\s+(?:get|come|answer|finish)|reached|finished|answered)
        (?:\s+(?:to|it|this|that|one|the|question|part))* ) \b
    | (?:还|根本|实在|有点|这[道个]?题?|后面|最后)*(?:没有?|未|未能)
        (?:来得?及|来的及|能?(?:写|做|答|看|轮)[完到]|赶上|空|顾[上得]|完成)
        (?:写|做|答|回答|作答|看|完成|思考)?(?:这[道一个]?题|完|了|到|上)*
    | (?:实在|有点|已经)?来不及(?:写|做|答|回答|作答|看|完成|思考)?(?:这[道一个]?题|完|了|上)*
    | (?:考试|答题|作答)?时间(?:不够|不足|不太够|到|用完|用光|耗尽|太紧|太短|来不及|有限|紧张)了?
    | (?:已经|就|都)?(?:没有?|无)(?:足够|多余|剩余)?(?:的)?(?:答题)?时间(?:写|做|答|回答|作答|完成)?了?"""
)
_CLAUSE_END = re.compile(
    r"[,，.。!！?？;；:：…\n]+|\s[-–—]+\s|—+|\b(?:but|however|though|although)\b|但是|但|不过|可是|只是(?!听说|听过|见过)"
)
# Grammar and politeness: a pair with one shows no knowledge.
_FUNCTION_HAN = frozenset(
    "我你您他她它们是说过只吧这那嘛呢吗就会好不没有了的得地着也都还很太在和与或而及以为把被对从到要能可"
    "想看听做用懂问答啊哦嗯呃抱歉谢请个道题块方面前次先生老师实际其以平时接触知一下怎么什哪些何"
)
# Hashed into the revision of the screening.
RULES = (
    *(pattern.pattern for pattern in (_NOT_KNOWN, _ALONE, _NOT_REACHED, _CLAUSE_END)),
    "".join(sorted(_FUNCTION_HAN)),
)


def is_non_answer(answer: str, question: frozenset[str], key: frozenset[str] = frozenset()) -> bool:
    """Whether a clause says that the answer is not known or was not reached, and no clause says anything else.

    `question` holds the content words of the question: repeating them says nothing. `key` holds those of the key: that
    time ran out is an answer if they say so.
    """
    # "n/a" is a clause, "n" and "a" are not.
    clauses = [clause for clause in _CLAUSE_END.split(answer) if clause.strip()]
    others = [clause for clause in clauses if not _is_disclaimer(clause, question, key)]
    content = "\n".join(clause for clause in others if not is_mark(clause))
    return len(others) < len(clauses) and not find_substantive_terms(content)


def _is_disclaimer(clause: str, question: frozenset[str], key: frozenset[str]) -> bool:
    """Whether a clause says that the answer is not known or not reached, and nothing beside the question's words."""
    beside_not_known, beside_alone = _find_terms_beside(_NOT_KNOWN, clause), _find_terms_beside(_ALONE, clause)
    if beside_not_known is not None and beside_not_known <= question:
        return True
    if beside_alone is not None and not beside_alone:
        return True
    beside_not_reached = _find_terms_beside(_NOT_REACHED, clause)
    said = terms(clause)
    return beside_not_reached is not None and not beside_not_reached and not (said and said <= key)


def _find_terms_beside(pattern: re.Pattern[str], clause: str) -> frozenset[str] | None:
    """Substantive terms of the clause without what the pattern matches; None if it does not match."""
    remainder, count = pattern.subn(" ", clause)
    return find_substantive_terms(remainder) if count else None


def find_substantive_terms(text: str) -> frozenset[str]:
    """Content words of a text without filler, and without pairs of Chinese characters that carry only grammar."""
    content = terms(text) - filler_terms()
    return frozenset(term for term in content if not (normal_text.has_han(term) and _FUNCTION_HAN & set(term)))


@cache
def filler_terms() -> frozenset[str]:
    """Terms of politeness and of remarks on the question itself."""
    # Built on first use: stemming loads a language library.
    return terms(
        """sorry honestly honest really actually question topic next please move think thought thing stuff about before
        here one yet much anything nothing something time now afraid guess maybe perhaps well ok okay um hmm uh hi thank
        thanks haven hear learn study read cover heard come across look good ask interview skip pass remember know idea
        clue sure never have no not all unfortunately am im still else rest go name term concept
        work use explain describe mention say tell please answer
        内容 知识 答案 意思 思路 原理"""
    )
