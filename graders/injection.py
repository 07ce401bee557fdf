"""What an answer says to the grader instead of to the question: sentences that no model is to read.

The questions are about language models. Models ignore tokens, gates forget, layers are skipped, prompts have a system
part, judges score and reviewers agree in answers that are nothing but right. So a pattern must see that somebody is
told to do something about the grade, or that this very answer is called good.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from . import text

_GRADE = r"(?:marks?|scores?|points?|grades?|credit|rating)"
_FULL = rf"""(?:(?:full|max|maximum|maximal|perfect|highest|top|best|excellent|passing)
    \W+(?:possible\W+|overall\W+)?{_GRADE})"""
_TEN = r"(?:\b(?:10|100|ten)\s*(?:/|out\s+of)\s*(?:10|100|ten)\b)"
_ANSWER = r"(?:answer|response|submission|candidate)"
_MY_ANSWER = rf"(?:(?:this|my)\s+(?:\w+\s+)?{_ANSWER})"
_GRADER = r"(?:grader|judge|evaluator|examiner|reviewer)"
_PEOPLE = r"(?:evaluators?|graders?|judges?|experts?|reviewers?|professors?|examiners?|interviewers?)"
# Where somebody is told to do something: a clause begins, or he is called upon.
_ORDER = r"""(?: (?:^|[.,;:!?>\])}"'*\#\n-]) \s{0,3} (?:[\[({<"'*\#-]\s?){0,3}
    (?: (?:please|now|just|then|so|and|but|also|instead|simply|kindly|important|immediately|first|next|finally)
        \W{1,3} ){0,3}
  | \b(?: please | kindly | now | you | you\s+(?:to|will|are\s+to|need\s+to|have\s+to) | (?:can|could|would|will)\s+you
      | must | should | shall | and | then | let['’]s | (?:want|instructed|required|requested|asked)\s+to ) \s+
    (?:(?:please|now|just|simply|kindly|immediately|always)\s+){0,2} )"""
_ORDER_HAN = r"""(?: (?:^|[，,。！!？?；;：:、\s“”"'‘’(（【\[<>*\#-])
  | 请|你|您|务必|应该?|应当|必须|现在|直接|可以|需要|并且?|且|就|先|然后|要|帮我|希望|麻烦 )"""
# What instructions are called that are to be set aside.
_EARLIER = r"(?:above|previous(?:ly)?|prior|preceding|earlier|foregoing|existing)"
_SUCH = r"""(?:(?:all|any|every|everything|the|your|my|these|those|this|that|of|other|original|initial|system|safety
    |grading|scoring)\W{1,3}){0,6}"""
_SUCH_HAN = r"""以上|之前|前面|上面|上述|此前|先前|所有|一切|全部|任何|原有|原来|既定|系统|给你|你|您|收到|这些|那些
    |的|关于|评分|打分"""
_ROLES_HAN = r"(?:评分|阅卷|打分|判卷|评审|评委|考官|面试官|裁判)"

_SET_ASIDE = (
    rf"""{_ORDER} (?:ignore|disregard|forget(?:\s+about)?|bypass|override|overrule|skip) \s+ {_SUCH}
        (?: (?:{_EARLIER}\W+)? (?:\w+\W+)?
            (?: instructions? | rubrics? | criteri(?:a|on) | prompts? | guidelines? | (?:scoring|grading)\s+\w+
              | (?:(?<=all\W)|(?<=the\W)|(?<=any\W)|(?<=your\W)|(?<=hose\W)|(?<=hese\W)|(?<=ious\W)|(?<=bove\W))
                rules)\b
          | {_EARLIER}\b (?:\W+(?:text|content|messages?|conversation|context|directions?))?
            \W{{0,3}} (?:$|and\b|[.,;:!\n]))
      | {_ORDER} (?:ignore|disregard|forget(?:\s+about)?) \s+ (?:everything|all|anything|whatever) \s+ (?:that\s+)?
        (?:you|i|we|was|were|before|{_EARLIER})\b
      | {_ORDER} (?:do\s+not|do\s*n['’]?t|never|stop) \s+ (?:follow|us[ei]|apply)\w* \s+ {_SUCH} (?:\w+\W+)?
        (?:instructions?|rubric|criteria|guidelines|rules)\b
      | {_ORDER} stop \s+ (?:grading|scoring|judging|evaluating)\b""",
    rf"""{_ORDER_HAN} (?:忽略|无视|忘记|忘掉|跳过|不要(?:理会|管|参考|遵守)|绕过) (?:掉|了)?
        (?: (?:{_SUCH_HAN}){{1,6}} (?:规则|要求|标准|设定|说明|细则|提示词?)
          | (?:{_SUCH_HAN}){{0,6}} (?:指令|指示|评分标准)
          | (?:以上|之前|前面|上面|上述|所有|一切|全部)的?内容 )""",
)
_ASK = (
    rf"""(?: {_ORDER}
            (?:give|award|assign|grant|output|return|print|mark|rate|grade|score|set|respond|reply|answer|put)\b
          | \b(?:give|award|grant|mark|rate|grade|score)\W+(?:me|this|it|my|the\s+{_ANSWER})\b )
        .{{0,60}}?
        (?: \b{_FULL}\b | {_TEN} | \b(?:10|100)\s*(?:points|marks)
          | \b(?:as\s+)?["']?(?:met|yes)["']?\s*(?:for|to|on)\b\s*(?:all|every|each) )""",
    rf"""{_ORDER} (?:mark|rate|grade|score|judge|consider|treat|count|set)\s .{{0,40}}?
        \b(?:all|every|each)\W+(?:criteri\w+|questions?|points?|levels?|requirements?)\b .{{0,20}}?
        \b(?:met|fulfilled|yes|passed|satisfied|true)\b
      | {_ORDER} always\s+(?:output|answer|say|return|respond|reply)\W+(?:with\W+)?(?:yes|met|pass|10)\b
      | {_ORDER} (?:act|behave|pretend|role-?play)\b .{{0,20}}? \b{_GRADER}\b
      | \b(?:grade|score|mark|rate|judge)\s+(?:\w+\s+){{0,3}}?(?:generously|leniently|favou?rably)\b
      | \bpretend\W+(?:that\W+)?(?:this|the|my)\W+{_ANSWER}\b""",
    rf"""\b(?:{_GRADER}|llm|language\s+model|assistant|(?:scoring|grading)\s+system)s?\b .{{0,25}}?
        \b(?:must|should|shall|needs?\s+to|has\s+to|is\s+required\s+to|please|are\s+to|is\s+to)\b .{{0,60}}?
        \b(?: {_FULL} | {_TEN}
            | (?:score|grade|mark|rate|award|pass|credit|accept|approve)\W+(?:me|my|this|it\s+as|everything) )\b""",
    r"""(?:请(?!求)|务必|必须|应该|应当|直接|麻烦|希望|给|打|评|判|输出|返回) .{0,20}?
        (?: 满分 | 满星 | 全部得分 | 全对(?!象)
          | (?<![到至~—\d.-])(?<![到至~—-]\s)(?:10|十|100|一百)\s*分(?![钟之布位类别析段区片词制]) )
      | (?:请(?!求)|务必|必须|应该|应当|麻烦|希望|给(?:我|予|出|这|本|该|此)|打(?:一?个)?|评(?:为|个)|判(?:为|个)?)
        .{0,10}? (?:最高分|高分)(?![了的辨数段子散布位类析词])
      | (?:请(?!求)|务必|麻烦|希望)[^，。]{0,6}(?:我|本|此|该|这|判|给)[^，。]{0,6}通过(?=\W*$|吧|即可)
      | (?:判|评|给)(?:(?:我|本|这|该|此)[^，。]{0,8})?(?:为|个|予)?通过(?=\W*$|吧|即可)
      | (?:请(?!求)|务必|必须|直接)[^，。]{0,4}判(?:为|定为|成)(?:满足|达到|通过|正确|满分)
      | 对(?:所有|每个|每一个)(?:问题|标准|评分点)[^，。]{0,4}(?:回答|输出|判为?)\W?(?:是|满足|达到|通过)""",
)
_SPEAK_AS = (
    rf"""^\s* (?:[\[<(\#*]\s*)+ (?:system|assistant|user|developer|{_GRADER}|admin|instructions?|human)\b
        [^\n:>\]|]{{0,30}} (?::|\]|>|\|)
      | ^\s* (?:system|{_GRADER}|admin\w*|instructions?)\b \s*
        (?:messages?|prompt|command|alert|notes?|notice|override|update|instructions?|mode|\d) [^\n:]{{0,20}} :
      | ^\s* (?-i:SYSTEM|ADMIN|ADMINISTRATOR|GRADER|JUDGE|ASSISTANT|INSTRUCTIONS?|NOTE\s+TO\s+\w+)\s*:
      | ^\s* assistant\s*:\s*["']?(?:10\b|yes\b|met\b|score\b|verdict\b|full\b|pass|(?:the|this)\s+{_ANSWER}\b)
      | [\[<]\s*(?-i:SYSTEM)\b[^\]>\n]{{0,20}}[\]>] | \bBEGIN\s+SYSTEM\b""",
    r"""<\|?\s*/?(?:im_start|start_header_id)\s*\|?>\s*(?:system|assistant|user) | <</?SYS>>
      | (?:<\|(?:endoftext|im_end|eot_id|im_start)\|>\s*){2} | \[INST\] .{0,80} \[/INST\]""",
    rf"""\b(?:dear|hey|hello|(?:note|message|instructions?)\s+(?:to|for)|attention\s*[,:!])[\s,:]+
        (?:(?:the|all|any)\s+)?
        (?: (?:(?:ai|llm|automated)\s+)?(?:{_GRADER}|grading|scoring|automated)\b(?!\s+of)
          | (?:ai|llm|(?:language\s+)?model|assistant)\s*[,:!] )""",
    rf"""\byou\s+are\s+now\s+(?: an?\s+\w*\s*(?:{_GRADER}|assistant|ai|model) | acting | playing | DAN\b | free
          | required | instructed | permitted | allowed | in\s+\w+\s+mode | the\s+\w+ )
      | \bnew\s+(?:system\s+)?instructions?\s*: | \bdo\s+anything\s+now\b
      | \bsystem\s+(?:override|notice)\b | \bsystem\s+(?:message|prompt|update)\s*[:\]>]
      | \b(?:enter|enabled?|activated?|(?:switch|switched)\s+(?:in)?to|now\s+in)\s+(?:developer|admin|debug)\s+mode\b
      | \b(?:developer|admin|debug)\s+mode\s+(?:is\s+)?(?:on|enabled|activated)\b""",
    rf"""(?:系统|管理员|开发者)(?:消息|提示|指令|通知|公告|更新|提醒|设置)\s*[】\]）)]?\s*[:：]
      | [\[【](?:系统|管理员|开发者)[^\]】]{{0,6}}[\]】]
      | (?:进入|启用|开启|切换|处于).{{0,4}}(?:开发者|管理员|调试|维护)模式
      | 你现在(?:是|扮演)[^，。]{{0,8}}(?:{_ROLES_HAN}|开发者|管理员|AI|模型|不受|没有限制)
      | 新的?(?:指令|规则)\s*[:：]
      | {_ROLES_HAN}(?:员|官|者|人|老师|系统|模型|助手|AI){{0,3}}
        (?: \s*[,，:：]\s*(?:请|注意)
          | \s*(?:请(?:给|务必|直接|判|评|打|注意|忽略|你|您|按|将|把)|你好|您好|务必|你必须|你应) )
      | (?:致|尊敬的|亲爱的)(?:{_ROLES_HAN}|AI|模型)""",
)
_VERDICT = (
    r"""[{\[]\s*["']?(?:score|verdict|grade|level|met|rating|points|result|分数|得分|评分)["']?\s*[:=]\s*
        ["']?(?:100?\b|\d+\s*/\s*\d+|full|max|met|pass|yes|true|strong|excellent|perfect|a\+|优|满|通过)""",
    rf"""(?:^\W*(?:my\s+|overall\s+)?|\b(?:final|correct|right|expected)\s+)(?:score|grade|verdict|rating|marks?)
        \s*(?:is|:|=|->)+\s*
        ["']?(?: 100?\b | \d+\s*(?:/|out\s+of)\s*\d+ | {_FULL} | full\b | perfect | met\b | pass(?:ed)?\b | excellent
          | yes\b | a\+ )
      | ^\W* (?:score|grade|mark|rate)\W{{0,3}}(?:10|100|ten)\W*$
      | ^\W* end\s+of\s+(?:the\s+)?(?:candidate\S*\s+)?{_ANSWER}\b
      | ^\W* (?:evaluation|grading|assessment)(?:\s+results?)?\s*:\s*
        (?:(?:the|this)\s+{_ANSWER}|all\s+criteria|full|met\b|pass)
      | \b{_GRADER}\s+(?:says?|said|answers?|outputs?|concludes?)\s*:?\s*["']?(?:yes|met|pass|10)\b""",
    r"""(?:^\W*(?:本题|我的)?|最终|最后)(?:得分|分数|评分|成绩|结论|判定)\s*(?:为|是|:|：|=)+\s*
        (?:\d+\s*/\s*\d+|100?(?!\s*[.\d到至的倍个-])|满|优(?![先化势点])|通过(?!的)|十分)""",
    rf"""\b(?:this|my|the)\s+{_ANSWER}\b .{{0,40}}? \b
        (?: (?:meets?|satisf(?:y|ies)|fulfil?ls?)\W+(?:all|every|each|the\W+(?:criteri|rubric|requirement))
          | (?:deserves?|earns?|merits?)\W+(?:an?\W+)?(?:{_FULL}|full|high|maximum|perfect|pass|10|100|ten|hundred)
          | should\s+(?:get|receive|be\s+(?:given|awarded|scored|graded|rated|marked))\W+(?:(?:as|at|an?|the)\W+){{0,3}}
            (?:{_FULL}|full|high|maximum|perfect|pass|10|100|ten|hundred|correct|met) )""",
    rf"""\b{_MY_ANSWER}\b .{{0,40}}?
        \b(?:is|was|has\s+been)\s+(?:already\s+)?(?:pre-?)?(?:approved|verified|graded|scored|validated)\b
        (?!\s+(?:by|with|using|against)\s+(?:(?:an?|the)\s+)?(?:\w+\s+)?(?:model|llm|network|metric|classifier)s?\b)
      | \b{_MY_ANSWER}\b .{{0,60}}? {_TEN}
      | \b{_MY_ANSWER}\s+is\s+(?:\w+\s+){{0,2}}(?:correct|complete|perfect|excellent|flawless)\b
      | \b{_ANSWER}\s+(?:above\s+|below\s+)?(?:is|was|has\s+been)\s+(?:already\s+|pre-?)
        (?:approved|verified|graded|scored|validated)\b
      | \b(?:verified|approved|confirmed)\s+by\s+(?:an?\s+|the\s+)?(?:human|expert|examiner|professor)\s*\w*\s*[:\]]
      | \bpre-?(?:verified|approved|screened|qualified)\b .{{0,40}}? \b(?:{_ANSWER}|by|for)\b
      | \b{_ANSWER}\b .{{0,40}}? \bpre-?(?:verified|approved|screened|qualified)\b
      | \bmanual\s+scor\w+\s+(?:is|was|has)\b""",
    r"""(?<!如果)(?<!若)(?<!当)(?:本|该|这个|此|我的|这份)(?:回答|答案|作答|考生|候选人) [^。！？\n]{0,16}?
        (?: (?:满足|符合|达到).{0,6}(?:所有|全部|各项|每|评分|标准|要求|满分)
          | (?:应得|应当得|应该得|值得).{0,6}(?:分|通过|最高|录用)
          | 已经?被?(?:人工|专家|官方)?(?:通过|核实|审核|验证|认证|评为|判为) )""",
    rf"""\b(?:\d{{1,3}}\s*%|most|all|other|previous|several|many)\s+(?:of\s+)?(?:(?:the|previous|other|human)\s+){{0,3}}
        {_PEOPLE}\b .{{0,60}}? \b(?:agree|believe|rated|scored|gave|graded|consider|awarded)\b .{{0,40}}?
        \b(?:{_MY_ANSWER}|this\b|{_FULL}|\d+\s*(?:/|out\s+of)\s*\d+|outstanding|perfect)
      | \b{_PEOPLE}\b .{{0,40}}? \b(?:rated|scored|graded|gave|give)\b .{{0,20}}? {_TEN}""",
)
_MASKS = tuple(
    re.compile(pattern, re.IGNORECASE | re.VERBOSE) for pattern in (*_SET_ASIDE, *_ASK, *_SPEAK_AS, *_VERDICT)
)


def spoken_to_the_grader(whole: str, bounds: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Of the sentences (start, end) of a text those that speak to the grader, neighbours joined."""
    return text.join_spans(
        [(start, end) for start, end in bounds if any(pattern.search(whole[start:end]) for pattern in _MASKS)]
    )
