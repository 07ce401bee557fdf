"""Patterns for wordings that no judge can grade; the group `found` is what a finding quotes.

A negation counts if the answer is its subject: at the start of the text, or joined to a clause about the answer. In
English a clause with "that" or "why" before it makes it a fact about the subject. Chinese ones are in simplified
characters.
"""

from __future__ import annotations

import re

from ..model import Language

_SAY = (
    r"(?:mention|say|state|claim|assert|argue|suggest|imply|insist|include|contain|use|refer|name|list|confuse|conflate"
    r"|mix\s+up|repeat|call|describe|present|propose|recommend|attribute|contradict|discuss|talk|cite|quote|assume"
    r"|invent|reveal|disclose|explain|give|make|treat|equate|mistake|introduce|show|write|answer|speak|bring\s+up)"
)
_SAYING = (
    r"(?:mentioning|saying|stating|claiming|asserting|arguing|suggesting|implying|insisting|including|containing|using"
    r"|referring|naming|listing|confusing|conflating|mixing\s+up|repeating|calling|describing|presenting|proposing"
    r"|recommending|attributing|contradicting|discussing|talking|citing|quoting|assuming|inventing|revealing|giving"
    r"|making|treating|equating|bringing\s+up)"
)
_ASSERTING = r"(?:mentioning|claiming|asserting|stating|saying|suggesting|implying|confusing|referring\s+to)"
_SAID = r"(?:mentioned|claimed|asserted|said|stated|suggested|implied|brought\s+up|referred\s+to)"
_ANSWER = (
    r"(?:(?:the|an?|this|their|each|every|any|good|full|correct)\s+)*(?:(?:candidate|student|applicant)['’]?s?['’]?\s+)?"
    r"(?:answers?|candidates?|response|reply|students?|applicants?|interviewees?|speaker|text|it|he|she|they|you)\s+"
)
_DUTY = r"(?:(?:must|should|shall|may|can|has\s+to|have\s+to|needs?\s+to|is\s+to|ought\s+to|also|\w+ly)\s+)*"
_NOT = (
    r"(?:(?:must|should|shall|may|can|could|would|will|do|does|did|is|are|has|have|ought)(?:\s+\w+ly)?\s*"
    r"(?:\s(?:not|never)|n['’]?t)\b|cannot\b|can['’]t\b|won['’]t\b)"
)
# "Does not only name" asks for more, not for less.
_HARMLESS = (
    r"(?!\s+(?:only|just|merely|simply|necessarily|need|have\s+to|stop\s+at|required|(?:be\s+)?"
    r"(?:limited|confined|restricted)\s+to))"
)
_NEGATION = rf"{_NOT}{_HARMLESS}"
_NOTHING = (
    r"(?:(?:contains?|includes?|has|makes?|mentions?|gives?|uses?|shows?)\s+(?:no|none|nothing)\b(?!-)"
    r"|says?\s+nothing\s+(?:about|of|that|wrong|false))"
)
_LEAVES_OUT = (
    rf"(?:never|neither|avoids?|fails?\s+to|refrains?\s+from|abstains?\s+from|omits?|leaves?\s+(?:[^,.;]{{1,40}}?\s)?out"
    rf"|lacks?|steers?\s+clear|keeps?\s+(?:silent|quiet)|stays?\s+(?:silent|away|clear)|be\s+(?:silent|free)"
    rf"|(?:is|stays|remains)\s+(?:silent|free)|not\s+{_SAY}|contain\s+(?:no|nothing)|{_NOTHING}"
    r"|under\s+no\s+circumstances|(?:at|in|on)\s+no\s+(?:point|way|case|account|time)"
    r"|(?:contains?|includes?|mentions?|names?|makes?|uses?)\s+neither)\b"
)
# Before these a negation is about the subject.
_PLAIN = r"^(?:(?!\b(?:that|why|how|what|which|when|where|who|whose|whether|because|so)\b|:).)*?"


def _compile(*patterns: str) -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(pattern, re.IGNORECASE | re.DOTALL) for pattern in patterns)


_ENGLISH_ABSENCES = _compile(
    rf"^\W*{_ANSWER}(?P<found>{_DUTY}(?:{_NEGATION}(?:\s+\w+)?|{_LEAVES_OUT}(?:\s+\w+)?))",
    rf"^\W*(?P<found>{_DUTY}(?:{_NEGATION}\s+(?:be\s+)?{_SAY}\b|not\s+(?:to\s+)?(?:{_SAY}|{_SAYING})\b|never\s+{_SAY}s?\b))",
    rf"^\W*(?P<found>{_DUTY}(?:avoids?|avoiding|refrains?\s+from|omits?|leaves?\s+out)\s+(?:any\s+|all\s+)?"
    rf"(?:{_SAYING}|(?<=from\s)\w+ing|mentions?|claims?|talk|references?|the\s+(?:claim|mistake|error|word|term))\b)",
    rf"^\W*(?P<found>(?:fails?|failing)\s+to\s+{_SAY}\b|{_NOTHING}(?=\s+(?:about|of|wrong|false|that)\b))",
    r"^\W*(?P<found>(?:there\s+(?:is|are|must\s+be|should\s+be)\s+)?(?:the\s+)?(?:no|absence\s+of|without)(?:\s+any)?\s+(?:\w+\s+)?"
    r"(?:mentions?|claims?|references?|talk|statements?|suggestion|errors?|mistakes?|confusion|contradictions?"
    r"|hallucinations?|jargon|mentioning|claiming|saying|stating))\b",
    rf"{_PLAIN}(?P<found>(?:{_NEGATION}|\bnever)\s+(?:\w+ly\s+)?(?:be\s+|been\s+)?(?:\w+ly\s+)?{_SAID})\b",
    rf"{_PLAIN}(?P<found>{_NEGATION}\s+(?:be\s+)?\w+\s+in\s+(?:the|an|any)\s+answer)\b",
    rf"^\W*(?P<found>no\s+(?:\w+\s+){{1,4}}?(?:is|are|may\s+be|must\s+be|should\s+be)\s+(?:{_SAID}|made))\b",
    rf"{_PLAIN}(?P<found>(?:\bwhile\s+|,\s*)not\s+{_ASSERTING})\b",
    rf"{_PLAIN}(?P<found>\bnothing\s+(?:\w+\s+){{0,6}}?(?:is|be)\s+{_SAID})\b",
    rf"{_PLAIN}(?P<found>\bwithout\s+(?:ever\s+|once\s+|also\s+|\w+ly\s+)?{_ASSERTING})\b",
    rf"{_PLAIN}(?P<found>(?:[,;.]|\band\b|\bbut\b|\byet\b)\s*(?:and\s+|but\s+|yet\s+)?(?:{_ANSWER})?{_DUTY}"
    rf"(?:{_NEGATION}\s+|never\s+|avoids?\s+|fails?\s+to\s+|makes?\s+no\s+|not\s+)"
    r"(?:mention|claim|assert|confuse|conflate|say|state|suggest|imply|include|contain|refer|recommend)(?:s|ing)?)\b",
    rf"(?:[,;.]|\band\b|\bbut\b)\s+(?:the\s+)?(?:answer)\s+(?P<found>{_DUTY}(?:{_NEGATION}|never|avoids)\s+\w+)",
    rf"^(?:(?!\b(?:why|how|what|which)\b).)*?\b(?:if|when|provided|important|required|essential|only)\s+(?:that\s+)?(?:the\s+)?"
    rf"(?:answer|candidate|response)\s+(?P<found>{_DUTY}(?:{_NEGATION}|never|avoids)\s+\w+)",
    rf"^\W*(?:points?|marks?|credit|full\s+\w+)\b.{{0,30}}?\b(?P<found>for\s+(?:not\s+{_SAYING}|avoiding|leaving\s+out))\b",
)

_MENTION = (
    "(?:提到|提及|提出|谈到|谈及|讲到|说成|说到|说出|说|讲|声称|宣称|声明|称|认为|以为|主张|断言|暗示|建议|指出|写"
    "|涉及|引用|列出|列举|描述|给出|混淆|混为|误|编造|虚构|捏造|承诺|透露|泄露|讨论|解释|照搬|重复|推荐|承认|强调"
    "|表示|表明|出现|答|跑题|离题|提|指责|抱怨|责怪|贬低|推卸|夸大)"
)
_HAVE = "(?:包含|包括|含有|使用|用到|用|把|将|有|存在|依赖)"
_WHO = (
    "(?:(?:(?:该|本|整个|全部|完整|好)的?)?(?:考生|候选人|应聘者|面试者|学生|应试者)?的?"
    "(?:回答|答案|作答|答复|考生|候选人|应聘者|面试者|学生|应试者|他|她|你)(?:的?内容)?(?:中|里面?|当中|之中)?)"
)
_OUGHT = "(?:必须|应当|应该|应|需|要|也|并|都|绝对?|坚决|完全|始终|从来?|而且|尽量|明确|全程|通篇)*"
_MUST_NOT = (
    "(?:不得|不应该?|不应当|不该|不要|不许|不准|不允许|不可以?|不能够?|不宜|避免|避开|回避|切勿|请勿|勿|禁止|严禁|杜绝)"
)
_DOES_NOT = "(?:没有|没|未曾?|并未|并没有|从未|从不|绝不|决不|不会|不再|不)"
_AGAIN = "(?:再|去|直接|主动|错误地|任何|被){0,3}(?:[对把将].{1,20}?)?"
_HOLD = "(?:包含|包括|含有?|使用|用到)"
_NO_WHY = "^(?:(?!为什么|为何|如何|怎样|怎么|原因|何时).)*?"
_CHINESE_ABSENCES = _compile(
    rf"^\W*{_WHO}{_OUGHT}(?P<found>{_MUST_NOT}{_AGAIN}(?:{_MENTION}|{_HAVE})|{_DOES_NOT}{_AGAIN}(?:{_MENTION}|{_HOLD}))",
    rf"^\W*{_WHO}{_OUGHT}(?P<found>(?:不得|不应|不该|不要|不许|不准|避免|切勿|严禁|禁止|省略|遗漏|漏掉|略去|绕开)[^\W\d_]{{0,4}})",
    rf"^\W*{_WHO}{_OUGHT}(?P<found>(?:没有|不含|不带|未含|无)(?:任何)?(?:错误|矛盾|编造|虚构|混淆|跑题|废话|失误|事实错误))",
    rf"^\W*{_OUGHT}(?P<found>{_MUST_NOT}{_AGAIN}{_MENTION}|{_DOES_NOT}{_AGAIN}{_MENTION})",
    rf"^\W*{_OUGHT}(?P<found>(?:不得|不应该?|不要|不许|不准|切勿|请勿|严禁)(?:再|被)?{_HAVE})",
    rf"^(?:(?!说明|指出|解释|提到|说出|认为|描述|强调|表示|介绍|阐述|写明).)*?(?P<found>(?:{_MUST_NOT}|{_DOES_NOT})(?:再|能)?被?"
    r"(?:提到|提及|谈到|谈及|说成|声称|宣称|出现在(?:回答|答案|作答)))",
    r"(?P<found>(?:不|没有?|未)[^，,。；;]{0,6}?出现在(?:回答|答案|作答))",
    rf"{_NO_WHY}(?P<found>只字(?:不|未)提|避而不谈|绝口不提|略过不提)",
    rf"{_NO_WHY}(?:[，,；;、。]|且|并|而|但是?)\W*(?:也|还|又|同时|而且|并且|但|{_WHO}){{0,3}}{_OUGHT}"
    rf"(?P<found>(?:{_MUST_NOT}|{_DOES_NOT}){_AGAIN}(?:提到|提及|声称|宣称|断言|混淆|误认为|误以为|谈到|谈及|涉及|说成))",
    rf"{_NO_WHY}(?P<found>在(?:不|没有?|未)(?:提到|提及|提|声称|宣称|说出)|而(?:不|没有?|未)(?:提到|提及|声称|宣称|提))",
)
ABSENCES: dict[Language, tuple[re.Pattern[str], ...]] = {"en": _ENGLISH_ABSENCES, "zh": _CHINESE_ABSENCES}
"""Texts that ask the answer to leave something out."""

_NUMBER = r"(?:one|two|three|four|five|six|\d+)"
_LEAST = r"(?:at\s+least|at\s+minimum|no\s+(?:fewer|less)\s+than|a\s+minimum\s+of|minimum|min\.?|exactly|any)"
_THESE = r"(?:the\s+following|these|those|this\s+list|the\s+list)"
# A colon or bracket with several items, no mere examples.
_LIST = (
    r"\s*[:(—–-]\s*(?!such\s+as|e\.?\s?g|for\s+(?:example|instance)|like\b|including)[^.]*?(?:,|;|/|\bor\b|\band\b|\n)"
)
_ENGLISH_COUNTS = _compile(
    rf"{_PLAIN}(?P<found>\b(?:any|at\s+least|exactly|minimum|no\s+fewer\s+than)\s+{_NUMBER}\s+(?:out\s+)?(?:of|from)\b)",
    rf"{_PLAIN}(?P<found>\b{_NUMBER}\s+or\s+more\s+(?:out\s+)?(?:of|from)\b)",
    rf"(?P<found>\b(?:{_LEAST}\s+)?{_NUMBER}(?:\s+or\s+more)?(?:\s+\w+){{0,3}}?\s+(?:of|from|among)\s+{_THESE})\b",
    rf"(?P<found>\b(?:some|several|most|half|a\s+few|all\s+but\s+one|the\s+majority|any)\s+of\s+{_THESE})\b",
    rf"(?P<found>\b{_LEAST}\s+{_NUMBER}(?:\s+[\w-]+){{0,5}}?){_LIST}",
    rf"(?P<found>\b{_NUMBER}\s+or\s+more(?:\s+[\w-]+){{0,5}}?){_LIST}",
    rf"(?P<found>\b(?:any\s+|at\s+least\s+)?{_NUMBER}\s+(?:out\s+)?of\s*):\s*[^.]*?(?:,|;|/|\bor\b|\n)",
    rf"{_PLAIN}(?P<found>\b(?:two|three|four|five|six|[2-9])\s+of)\s+(?!which|them)"
    r"(?:[^.;:(]{1,40},[^.;:(]{1,40}?(?:,|\bor\b|\band\b)|[^.;:(,]{1,40}\((?!such\s+as|e\.?\s?g|for\s)[^)]*,)",
    rf"{_PLAIN}(?P<found>\b(?:{_NUMBER})\s+out\s+of\s+(?:the\s+)?{_NUMBER})\b",
)
_ZH_NUMBER = r"(?:[一两二三四五六七八九]|\d+)"
_ZH_UNIT = "(?:个|种|点|项|条|者|样|类|步|方面|处|名)"
_ZH_NAMES = (
    "(?:说出|提到|答出|列出|包含|包括|写出|涉及|指出|举出|给出|满足|说明|提及|覆盖|做到|命中)?了?"
    "(?:其中|以下|下列|下面)?的?"
)
_ZH_LIST = r"[^，,。；;：:（(]{0,15}[：:（(](?!如|例如|比如|像|譬如)[^。]*?[、，,；;/或\n]"
_CHINESE_COUNTS = _compile(
    rf"(?P<found>任选{_ZH_NAMES}其?{_ZH_NUMBER}(?=$|\W|{_ZH_UNIT}))",
    rf"(?P<found>(?:其中的?|以下的?|下列的?)?任(?:意|何){_ZH_NAMES}{_ZH_NUMBER}{_ZH_UNIT}?){_ZH_LIST}",
    rf"(?P<found>(?:至少|不少于|起码|最少){_ZH_NAMES}{_ZH_NUMBER}{_ZH_UNIT}?){_ZH_LIST}",
    rf"(?P<found>{_ZH_NUMBER}{_ZH_UNIT}?(?:或|及|或者)?以上){_ZH_LIST}",
    rf"(?P<found>(?:以下|下列|下面|下述)[^，,。；;：:]{{0,10}}?(?:至少|任意|任何|任选)?{_ZH_NAMES}{_ZH_NUMBER}{_ZH_UNIT}(?:或|及|或者)?(?:以上)?)",
    r"(?P<found>(?:以下|下列|下面|下述)[^，,。；;：:]{0,8}?之一)",
    rf"、[^，,。；;]{{1,20}}?(?P<found>(?:中|之中|里|当中)的?(?:至少|任意|任何|任选|不少于)(?:说出|提到|列出)?{_ZH_NUMBER}{_ZH_UNIT}?)",
    rf"、[^，,。；;]{{1,20}}?(?P<found>中的?{_ZH_NUMBER}{_ZH_UNIT}?(?:或|及|或者)?以上)",
    rf"(?P<found>{_ZH_NUMBER}{_ZH_UNIT}中的?{_ZH_NAMES}(?:答对|答中)?{_ZH_NUMBER}{_ZH_UNIT}){_ZH_LIST}",
    rf"(?P<found>{_ZH_NUMBER}选{_ZH_NUMBER})",
)
COUNTS: dict[Language, tuple[re.Pattern[str], ...]] = {"en": _ENGLISH_COUNTS, "zh": _CHINESE_COUNTS}
"""Statements that ask for a number of things from a list."""
