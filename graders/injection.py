"""What an answer says to the grader instead of to the question: sentences that no model is to read.

The questions are about language models. Models ignore tokens, gates forget, layers are skipped, prompts have a system
part, judges score and reviewers agree in answers that are nothing but right. So a pattern must see that somebody is
told to do something about the grade, or that this very answer is called good.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from . import text
from .lexical import terms
from .sentence_kinds import SentenceKinds

# Questions on judging, prompts and exams have answers that speak of these.
_SHARE_ON_SUBJECT = 0.5
_GRADE = r"(?:marks?|scores?|points?|grades?|credit|rating)"
_BEST = r"(?:full|max|maximum|maximal|perfect|highest|top|best|excellent|passing)"
_FULL = rf"(?:{_BEST}\W+(?:possible\W+|overall\W+)?{_GRADE})"
_TEN = r"(?:\b(?:10|100|ten)\s*(?:/|out\s+of)\s*(?:10|100|ten)\b)"
_ANSWER = r"(?:answer|response|submission|candidate)"
_MY_ANSWER = rf"(?:(?:this|my)\s+(?:\w+\s+)?{_ANSWER})"
_GRADER = r"(?:grader|judge|evaluator|examiner|reviewer)"
_PEOPLE = r"(?:evaluators?|graders?|judges?|experts?|reviewers?|professors?|examiners?|interviewers?)"
_APPROVED = r"(?:approved|verified|graded|scored|validated)"
# Where somebody is told to do something: a clause begins, or he is called upon.
_ORDER = r"""(?: (?:^|[.,;:!?>\])}"'*\#\n-]) \s{0,3} (?:[\[({<"'*\#-]\s?){0,3}
    (?: (?:please|now|just|then|so|and|but|also|instead|simply|kindly|important|immediately|first|next|finally)
        \W{1,3} ){0,3}
  | \b(?: please | kindly | now | (?:can|could|would|will)\s+you | let['’]s
      | you(?:\s+(?:to|will|must|should|shall|are\s+to|need\s+to|have\s+to))?
      | (?:want|instructed|required|requested|asked)\s+to ) \s+
    (?:(?:please|now|just|simply|kindly|immediately|always)\s+){0,2} )"""
_ORDER_HAN = r"""(?: (?:^|[，,。！!？?；;：:、\s“”"'‘’(（【\[<>*\#-])
  | 请|你|您|务必|应该?|应当|必须|现在|直接|可以|需要|并且?|且|就|先|然后|要|帮我|希望|麻烦 )"""
_PLEASE_HAN = r"(?:(?:^|[，,。；;：:！!\s“\"])|请(?!求)|务必|必须|直接|麻烦|希望|帮我|你|您)"
# What instructions are called that are to be set aside.
_EARLIER = r"(?:above|prev\w+|prior|preceding|earlier|foregoing|existing)"
_SUCH = r"""(?:(?:all|any|every|everything|the|your|my|these|those|this|that|of|other|original|initial|system|safety
    |grading|scoring)\W{1,3}){0,6}"""
_SUCH_HAN = r"""(?:以上|之前|前面|上面|上述|此前|先前|所有|一切|全部|任何|原有|原来|既定|系统|给你|你|您|收到|这些|那些
    |的|关于|评分|打分)"""
_MY_ANSWER_HAN = r"(?:(?:本|以上|上述|我的|这份|这个)(?:回答|答案|作答))"
_ROLES_HAN = r"(?:评分|阅卷|打分|判卷|评审|评委|考官|面试官|裁判)"

_SET_ASIDE = (
    rf"""{_ORDER} (?:ig\w*nor\w*|disregard|forget(?:\s+about)?|bypass|override|overwrite|overrule|skip) \s+ {_SUCH}
        (?: (?:{_EARLIER}\W+)? (?:\w+\W+)?
            (?: inst\w*tions? | rubrics? | criteri(?:a|on) | prompts? | guidelines? | (?:scoring|grading)\s+\w+
              | (?:(?<=all\W)|(?<=the\W)|(?<=any\W)|(?<=your\W)|(?<=hose\W)|(?<=hese\W)|(?<=ious\W)|(?<=bove\W))
                rules)\b
          | {_EARLIER}\b (?:\W+(?:text|content|messages?|conversation|context|directions?))?
            \W{{0,3}} (?:$|and\b|[.,;:!\n]))""",
    rf"""{_ORDER} (?:ignore|disregard|forget(?:\s+about)?) \s+ (?:everything|all|anything|whatever) \s+ (?:that\s+)?
        (?:you|i|we|was|were|before|{_EARLIER})\b""",
    rf"""{_ORDER} (?:do\s+not|do\s*n['’]?t|never|stop) \s+ (?:follow|us[ei]|apply)\w* \s+ {_SUCH} (?:\w+\W+)?
        (?:instructions?|rubric|criteria|guidelines|rules)\b""",
    rf"{_ORDER} stop \s+ (?:grading|scoring|judging|evaluating)\b",
    rf"""{_ORDER} (?:do\s+not|do\s*n['’]?t|never) \s+
        (?: (?:deduct|take\s+off|remove)\s+(?:any\s+)?(?:points|marks) | compare\s+(?:this|it|mine|{_MY_ANSWER}) )\b""",
    r"""\b(?:rubric|grading\s+policy|marking\s+scheme)\b .{0,30}? \b(?:updated|changed)\b .{0,80}?
        \b(?:full|credit|pass)""",
    r"\b(?:you\s+have\s+been|yourself)\s+(?:jailbroken|unlocked|freed|authori[sz]ed)\b",
    r"\bfrom\s+now\s+on\W+you\s+(?:work|obey|answer|only|must|will|are)\b",
    r"\bmine\s+is\s+(?:the\s+)?(?:right|correct|better)\b",
    rf"""{_ORDER_HAN} (?:忽略|无视|忘记|忘掉|跳过|覆盖|不要(?:理会|管|参考|遵守)|绕过) (?:掉|了)?
        (?: {_SUCH_HAN}{{1,6}} (?:规则|要求|标准|设定|说明|细则|提示词?)
          | {_SUCH_HAN}{{0,6}} (?:指令|指示|评分标准|评分表|评分要求)
          | (?:以上|之前|前面|上面|上述|所有|一切|全部)的?内容 )""",
    r"(?:评分标准|评分规则|评分细则)已?经?(?:被)?(?:停用|失效|作废|取消) | 不按评分(?:细则|标准) | 不用管\s*rubric",
    r"你已经?被?(?:解除限制|越狱|解锁) | 从现在起[，,]?\s*你(?:听|必须|只|要) | 授权你 | 以我的(?:答案|回答)?为准",
    r"请[^，。]{0,4}(?:不要|别|勿)(?:因此)?扣分 | 不能因此扣分 | 参考答案[^，。]{0,4}(?:有错|存在错|过时)",
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
        \b(?:met|fulfilled|yes|passed|satisfied|true)\b""",
    r"\balways\s+(?:output|answer|say|return|respond|reply|give)s?\W+(?:with\W+)?(?:yes|met|pass|10|ten|full)\b",
    rf"""{_ORDER} (?:set|put|make|mark|assign|round)\s .{{0,40}}? \b(?:grade|score|rating|mark)s?\b .{{0,12}}?
        \b(?:to|as|up|in)\s+(?:the\s+)?(?:{_BEST}|max\w*|10|100|outstanding|passed)\b""",
    rf"""{_ORDER} (?:mark|grade|rate|count)\s+(?:my|this)\s+(?:\w+\s+)?{_ANSWER}\s+(?:as\s+)?
        (?:outstanding|excellent|perfect|correct)\b""",
    rf"{_ORDER} assign\s+the\s+max\w*\b | \bput\s+in\s+the\s+max\b | \baward\w*\s+every\s+point\b",
    r"\bgive\s+me\s+(?:an?\s+|the\s+)?(?:A\+?(?!\w)|10|100|ten|full|top|high|max\w*|best)\b",
    r"""\b(?:pick|choose|select|go\s+(?:straight\s+)?to)\s+the\s+(?:best|highest|top)\s+
        (?:rating|band|level|grade|score|mark)\b""",
    r"\bautomatic(?:ally)?\s+(?:\w+\s+)?full\s+(?:credit|marks|points)",
    r"\banswers?\s+that\s+mentions?\b .{0,40}? \b(?:full|pass|credit|must)\b",
    rf"\b{_ANSWER}s?\b .{{0,40}}? \bmust\s+not\s+be\s+(?:given|graded|scored|marked)\b",
    r"\b(?:only|less\s+than)\s+a\s+perfect\s+(?:score|mark)\b",
    r"\b(?:this|it)\s+(?:got|gets|receives?)\s+a\s+perfect\s+\w+",
    r"\bround\s+my\s+(?:mark|score|grade)",
    r"\badd\s+(?:\w+\s+)?(?:points|marks)\s+to\b | \bmust\s+not\s+lower\s+(?:the|my)\s",
    r"\b(?:grade|award|score|mark)\s+accordingly\b | \bscore\s+field\b .{0,60}? \b(?:as\s+(?:large|high)|max)",
    r"\bif\s+you\s+(?:give|score|grade|rate|mark)\s+(?:me|this|it|my)\b",
    r"\bif\s+you\s+are\s+an?\s+(?:ai|llm|model|language\s+model)\b | \b(?:as\s+a\s+)?fellow\s+(?:language\s+)?model",
    r"\bbefore\s+you\s+(?:grade|mark|judge)\b | \bwhen\s+you\s+(?:write|give)\s+your\s+(?:evaluation|verdict|grade)",
    r"\bwhatever\s+you\s+decide | \byour\s+system\s+prompt\b",
    r"\b(?:recogni[sz]e|see)\s+this\s+as\s+an?\s+(?:10|ten|A)\b",
    r"\bi\s+trust\s+(?:that\s+)?you | \brepeat\s+after\s+me\b | \b(?:into|as)\s+your\s+verdict\b",
    r"""\b(?:please|pls|plz|kindly)\W+(?:\w+\W+){0,3}?
        (?:be\s+(?:so\s+)?(?:lenient|generous|kind|merciful)|(?:not|dont|don['’]t)\s+be\s+(?:too\s+)?strict)\b""",
    r"\b(?:dont|don['’]?t|do\s+not)\s+be\s+(?:too\s+|so\s+)?strict | \blenient\s+with\s+(?:the|my)\s+\w+",
    r"\b(?:grade|score|mark|rate|judge)\s+(?:\w+\s+){0,3}?(?:generously|leniently|favou?rably)\b",
    r"""\b(?:missing|remaining|omm?itted|unwritten|empty|blank)\b .{0,70}?
        \b(?:as\s+if\s+they|(?:should\s+be\s+)?(?:counted|treated|considered)\s+as\s+(?:covered|mentioned|met))\b""",
    r"\b(?:unfair|wrong)\s+to\s+(?:penali[sz]e|mark\s+down)\s+(?:this|my|me)\b",
    r"\bfailing\s+(?:this\s+candidate|me)\b | \bhave\s+to\s+pass\s+(?:me|them|this)\b",
    rf"""\bas\s+(?:the|an?)\s+(?:administrator|admin|examiner|developer)\b .{{0,60}}?
        \b(?:{_FULL}|full\s+score|credit|pass)\b""",
    r"\bi\s+am\s+the\s+administrator\b | \boverride\s+code\b",
    r"\bdecode\s+(?:this|the\s+following)\b .{0,30}? \b(?:follow|obey)",
    rf"{_ORDER} (?:act|behave|pretend|role-?play)\b .{{0,20}}? \b{_GRADER}\b",
    rf"\bpretend\W+(?:that\W+)?(?:this|the|my)\W+{_ANSWER}\b",
    rf"""\b(?:{_GRADER}|llm|language\s+model|assistant|(?:scoring|grading)\s+system)s?\b .{{0,25}}?
        \b(?:must|should|shall|needs?\s+to|has\s+to|is\s+required\s+to|please|are\s+to|is\s+to)\b .{{0,60}}?
        \b(?: (?:give|award|assign|grant|output|return|put|deserve|receive)\w*\b .{{0,30}}? (?:{_FULL}|{_TEN})
            | (?:score|grade|mark|rate|award|pass|credit|accept|approve)\W+(?:me|my|this|it\s+as|everything) )\b""",
    rf"""{_PLEASE_HAN} (?:给|打|评|判|输出|返回|得) [^，,。]{{0,16}}?
        (?: 满[分份](?!的?(?:案例|样|例|答案|回答|情况)) | 满星 | 全部得?分 | 全对(?!象)
          | (?<![到至~—\d.-])(?<![到至~—-]\s)(?:10|十|100|一百)\s*分(?![钟之布位类别析段区片词制]) )""",
    r"""(?:请(?!求)|务必|麻烦|希望|(?<!不)应该|(?<!不)应当|你[^，。]{0,4}必须) [^，。]{0,16}?
        (?:满[分份](?!的?(?:案例|样|例|答案|回答|情况))|全部(?:得?分|分数)
          |(?<![到至~—\d.-])(?<![到至~—-]\s)(?:10|十|100)\s*分(?![钟之布位类制]))""",
    r"""(?:请(?!求)|务必|麻烦|希望|给(?:我|予|出|这|本|该|此)) .{0,10}? (?:最高分|高分)(?![了的辨数段子散布位类析词])
      | 给\s*高\s*分(?=\W*$)""",
    r"(?:请(?!求)|务必|麻烦|希望)[^，。]{0,6}(?:我|本|此|该|这|判|给)[^，。]{0,6}通过(?=\W*$|吧|即可)",
    r"(?:判|评|给)(?:(?:我|本|这|该|此)[^，。]{0,8})?(?:为|个|予)?通过(?=\W*$|吧|即可)",
    r"(?:请(?!求)|务必|必须|直接)[^，。]{0,4}判(?:为|定为|成)(?:满足|达到|通过|正确|满分)",
    r"对(?:所有|每个|每一个)(?:问题|标准|评分点)[^，。]{0,4}(?:回答|输出|判为?)\W?(?:是|满足|达到|通过)",
    r"给我(?:打?一?个)?\s*(?:A\+?(?![a-z])|10|100|满|高分|最高|优) | 从宽打分 | 手下留情 | 高抬贵手 | 网开一面",
    r"(?:求[您你求]|拜托|恳请|麻烦)[^，。]{0,6}(?:给|判|放)[^，。]{0,6}(?:及格|通过|分|过关)",
    r"多给(?:我)?(?:几|点|些)分 | 给到?顶格 | 再加\s*\d+\s*分",
    r"会给我[^，。]{0,6}分 | 让我(?:通?过)(?=\W|$) | 不让我通过",
    r"""(?:把|将)?(?:我的|本|这个|这份)?(?:答案|回答|作答|最终分数|分数|成绩|score)[^，。]{0,6}
        (?:评|判|设|定|标)(?:为|成)\s*(?:优|满|最|通过|正确|10|100|max)""",
    r"(?:归到|判到|选)[^，。]{0,4}(?:最高|最好)的?(?:那一)?(?:等级|档|分) | (?:所有人|全员|自动)[^，。]{0,4}得?满分",
    r"(?:回答|答案)[^，。]{0,14}不得低于\s*\d+\s*分 | 低于\s*\d+\s*分的评分 | 给这个回答最[好高]",
    r"(?:你要是|要是你|如果你|假如你)给(?:我(?:低|不到|少)|的分数) | (?:这份|本|我的)答案[^，。]{0,6}放行",
    r"(?:分数|score)字段[^，。]{0,10}最(?:大|高)",
    r"只输出(?:数字)?\s*(?:10|100|是|满) | 据此给分 | 要点齐全 | 锚点[，,]请",
    r"""(?:没有?写|未写|其余|省略|遗漏)[^。]{0,14}(?:视为|算作?|按|当作)[^，。]{0,4}
        (?:提到|覆盖|答到|回答|满足|计算|我已)""",
    r"(?:跟我|随我)(?:复述|念|重复) | (?:当作|作为)你的(?:评语|结论|判定)",
    r"你的(?:系统提示|结论请) | 并照做 | 原样写下",
    r"(?:评语|评价)(?:里|时|中)[^，。]{0,2}请 | 大家都是(?:大?模型|AI) | 转告你 | 算作?正确(?=\W*$)",
    r"(?:任何|真正|凡是)[^，。]{0,16}(?:专家|评委|考官|人)[^。]{0,16}给(?:出)?(?:最高|满分|高分)",
)
_SPEAK_AS = (
    rf"""^\s* (?:[\[<(\#*]\s*)+ (?:system|assistant|user|developer|{_GRADER}|admin|instructions?|human)\b
        [^\n:>\]|]{{0,30}} (?::|\]|>|\|)""",
    rf"""^\s* (?:system|{_GRADER}|admin\w*|instructions?)\b \s*
        (?:messages?|prompt|command|alert|notes?|notice|override|update|instructions?|mode|\d) [^\n:]{{0,20}} :""",
    r"^\s* (?-i:SYSTEM|ADMIN|ADMINISTRATOR|GRADER|JUDGE|ASSISTANT|INSTRUCTIONS?|NOTE\s+TO\s+\w+)\s*:",
    rf"""^\s* (?:system|assistant|model|系统|模型|助手)\s*[:：]\s*["']?
        (?:100?\b|yes\b|met\b|score\b|verdict\b|{_FULL}|pass(?:ed)?\b|(?:the|this)\s+{_ANSWER}\b)""",
    r"[\[<]\s*(?-i:SYSTEM)\b[^\]>\n]{0,20}[\]>] | \bBEGIN\s+SYSTEM\b | </?(?:instructions?|指令)>",
    r"<\|?\s*/?(?:im_start|start_header_id)\s*\|?>\s*(?:system|assistant|user)",
    r"<</?SYS>> | \[INST\] .{0,80} \[/INST\]",
    r"(?:<\|(?:endoftext|im_end|eot_id|im_start)\|>\s*){2} | </(?:answer|response|submission|回答|答案|作答)>\s*<",
    r"<\|(?:system|user|assistant)\|>\S | (?:<!--|/\*).{0,60}?(?:score|grade|评分|分数)",
    rf"""\b(?:dear|hey|hello|(?:note|message|instructions?|hint)\s+(?:to|for)|attention\s*[,:!])[\s,:]+
        (?:(?:the|all|any)\s+)?
        (?: (?:(?:ai|llm|automated)\s+)?(?:{_GRADER}|grading|scoring|automated)\b(?!\s+of)
          | (?:ai|llm|(?:language\s+)?model|assistant)\s*[,:!] )""",
    rf"\b(?:note|message|comment)\s+from\s+(?:the\s+|a\s+|your\s+)?(?:previous\s+|earlier\s+|senior\s+)?{_GRADER}",
    r"""\byou\s+are\s+now\s+(?: an?\s+\w*\s*(?:grader|judge|evaluator|examiner|assistant|ai|model) | acting | playing
          | DAN\b | free | required | instructed | permitted | allowed | in\s+\w+\s+mode | the\s+\w+ )""",
    rf"""(?<!["'“‘])\byou\s+are\b .{{0,40}}? \b(?:{_GRADER}|professor|teacher)\b .{{0,80}}?
        \b(?:never|perfect|full|top|lenient|generous)\b""",
    r"(?<![\"'“‘])\byou\s+are\s+an?\s+(?:very\s+)?(?:generous|lenient)\b | \btruly\s+intelligent\s+\w+\s+would\b",
    r"\bnew\s+(?:system\s+)?instructions?\s*: | \bdo\s+anything\s+now\b",
    r"\bsystem\s+(?:override|notice)\b | \bsystem\s+(?:message|prompt|update)\s*[:\]>]",
    r"\b(?:enter|enabled?|activated?|(?:switch|switched)\s+(?:in)?to|now\s+in)\s+(?:developer|admin|debug)\s+mode\b",
    r"\b(?:developer|admin|debug)\s+mode\s+(?:is\s+)?(?:on|enabled|activated)\b",
    r"评委结论\s*[:：] | (?:系统|管理员|开发者)(?:消息|提示|指令|通知|公告|更新|提醒|设置)\s*[】\]）)]?\s*[:：]",
    r"[\[【](?:系统|管理员|开发者)[^\]】]{0,6}[\]】] | (?:开发者|管理员|调试|维护)模式已?被?(?:开启|启用|打开)",
    r"(?:进入|启用|开启|切换|处于).{0,4}(?:开发者|管理员|调试|维护)模式 | 新的?(?:指令|规则)\s*[:：]",
    rf"你现在(?:是|扮演)[^，。]{{0,8}}(?:{_ROLES_HAN}|开发者|管理员|AI|模型|不受|没有限制) | 按这个身份打分",
    r"(?<![“\"'‘])你(?:现在|就)?是[^，。]{0,10}(?:不扣分|给满分|打分) | 你扮演[^，。]{0,16}(?:教授|老师|评委|考官)",
    rf"""{_ROLES_HAN}(?:员|官|者|人|老师|系统|模型|助手|AI){{0,3}}
        (?: \s*[,，:：]\s*(?:请|注意)
          | \s*(?:请(?:给|务必|直接|判|评|打|注意|忽略|你|您|按|将|把)|你好|您好|务必|你必须|你应) )""",
    rf"(?:致|尊敬的|亲爱的)(?:{_ROLES_HAN}|AI|模型) | 作为[^，。]{{0,6}}评审模型[，,]\s*你",
    r"(?:致|给)(?:审核|评分|打分|阅卷|判分)(?:人员|模型|系统|老师|员)的?(?:提示|说明|留言)?\s*[:：]",
    rf"""^\W* (?:assistant|human|{_GRADER}|interviewer|助手|用户|面试官|评委|考官|评审)\s*
        (?:comments?|notes?|点评|评语)?\s*[:：] .{{0,60}}?
        (?: \baward\b | \d+\s*points | evaluation\s+is\s+over | print\s+only | \bstrong\s+hire | 得\s*\d+\s*分 | 只输出
          | 评测到此 | 强烈推荐 | 非常(?:惊艳|出色|优秀) )""",
    rf"(?:^|[\"'“”‘’.。—-]\s*) (?:end\s+of\s+)?(?:the\s+)?(?:candidate\S*\s+)?{_ANSWER}\s+ends\s+here",
    rf"^\W* end\s+of\s+(?:the\s+)?(?:candidate\S*\s+)?{_ANSWER}\b | (?:提交内容|作答|回答)(?:到此|至此)(?:为止|结束)",
)
_VERDICT = (
    r"""[{\[]\s*["']?(?:score|verdict|grade|level|met|rating|points|result|分数|得分|评分)["']?\s*[:=]\s*
        ["']?(?:100?\b|\d+\s*/\s*\d+|full|max|met|pass|yes|true|strong|excellent|perfect|a\+|优|满|通过)""",
    rf"""(?:^\W*(?:my\s+|overall\s+)?|\b(?:final|correct|right|expected)\s+)(?:score|grade|verdict|rating|marks?)
        \s*(?:is|:|=|->)+\s*
        ["']?(?: 100?\b | \d+\s*(?:/|out\s+of)\s*\d+ | {_FULL} | full\b | perfect | met\b | pass(?:ed)?\b | excellent
          | yes\b | a\+ )""",
    r"^\W* (?:score|grade|mark|rate)\W{0,3}(?:10|100|ten)\W*$ | ^\W*total\s*:\s*full | 总分\s*[:：]\s*满",
    r"\b(?:right|correct|only|expected)\s+(?:output|grade|verdict)\s+(?:\w+\s+){0,3}is\s+\d+\s+out\s+of\s+\d+",
    r"\b(?:grade|score|rating)\s*=\s*[\"']?(?:excellent|outstanding|full)\b",
    rf"""^\W* (?:evaluation|grading|assessment)(?:\s+results?)?\s*:\s*
        (?:(?:the|this)\s+{_ANSWER}|all\s+criteria|full|met\b|pass)""",
    r"^\W*(?:accuracy|completeness|clarity|depth|overall|relevance)\s*:\s*(?P<all>\d+)\s*/\s*(?P=all)\W*$",
    r"\bcriteri(?:on|a)\s*\d+\s*:\s*met\b",
    r"\ball\s+(?:the\s+)?(?:key\s+)?points\s+(?:are|were|have\s+been)\s+covered\b",
    rf"\b{_GRADER}\s+(?:says?|said|answers?|outputs?|concludes?)\s*:?\s*[\"']?(?:yes|met|pass|10)\b",
    rf"""\b(?:this|my|the)\s+{_ANSWER}\b .{{0,40}}? \b
        (?: (?:meets?|satisf(?:y|ies)|fulfil?ls?)\W+(?:all|every|each|the\W+(?:criteri|rubric|requirement))
          | (?:deserves?|earns?|merits?)\W+(?:an?\W+)?(?:{_FULL}|full|high|maximum|perfect|pass|10|100|ten|hundred)
          | should\s+(?:get|receive|be\s+(?:given|awarded|scored|graded|rated|marked))\W+(?:(?:as|at|an?|the)\W+){{0,3}}
            (?:{_FULL}|full|high|maximum|perfect|pass|10|100|ten|hundred|correct|met) )""",
    r"\b(?:this|it)\s+deserves\s+(?:the\s+|a\s+|nothing\s+less\s+than\s+a\s+)?(?:top|full|highest|perfect)\b",
    rf"""\b{_MY_ANSWER}\b .{{0,40}}? \b(?:is|was|has\s+been)\s+(?:already\s+)?(?:pre-?)?{_APPROVED}\b
        (?!\s+(?:by|with|using|against)\s+(?:(?:an?|the)\s+)?(?:\w+\s+)?(?:model|llm|network|metric|classifier)s?\b)""",
    rf"\b{_MY_ANSWER}\b .{{0,60}}? {_TEN}",
    rf"\b{_MY_ANSWER}\s+is\s+(?:\w+\s+){{0,2}}(?:correct|complete|perfect|excellent|flawless)\b",
    rf"\b{_MY_ANSWER}\s+(?:covers?|contains?|has)\s+(?:all|every|each)\b",
    rf"\b(?:{_MY_ANSWER}|(?:this|my)\s+(?:text|reply|one))\b .{{0,40}}? \b(?:match|similar|identical)\w*\b .{{0,20}}? "
    r"\b(?:gold|reference|key)\b",
    r"\bthis\s+(?:text|reply|one)\b .{0,40}? \b(?:flawless|verified\s+by|waved\s+through) | \bcertified\s+this\b",
    rf"\b{_ANSWER}\b .{{0,40}}? \bexceptional\s+(?:mastery|understanding|match) | \bapproved\s+this\s+candidate\b",
    rf"\b{_ANSWER}\s+(?:above\s+|below\s+)?(?:is|was|has\s+been)\s+(?:already\s+|pre-?){_APPROVED}\b",
    r"\b(?:verified|approved|confirmed)\s+by\s+(?:an?\s+|the\s+)?(?:human|expert|examiner|professor)\s*\w*\s*[:\]]",
    rf"\bpre-?(?:verified|approved|screened|qualified)\b .{{0,40}}? \b(?:{_ANSWER}|by|for)\b",
    rf"\b{_ANSWER}\b .{{0,40}}? \bpre-?(?:verified|approved|screened|qualified)\b",
    r"\bmanual\s+scor\w+\s+(?:is|was|has)\b",
    rf"""\b(?:\d{{1,3}}\s*%|most|all|other|previous|several|many)\s+(?:of\s+)?(?:(?:the|previous|other|human)\s+){{0,3}}
        {_PEOPLE}\b .{{0,60}}? \b(?:agree|believe|rated|scored|gave|graded|consider|awarded)\b .{{0,40}}?
        \b(?:{_MY_ANSWER}|this\b|{_FULL}|\d+\s*(?:/|out\s+of)\s*\d+|outstanding|perfect)""",
    rf"\b{_PEOPLE}\b .{{0,40}}? \b(?:rated|scored|graded|gave|give)\W+(?:this|it|my|me)\b .{{0,20}}? {_TEN}",
    r"\b(?:i|we)\s+(?:give|award|rate|grade)\s+(?:it|this)\s+(?:an?\s+)?(?:\d+|nine|ten|full|top)\b",
    r"\bany\s+(?:reasonable\s+)?(?:expert|grader|person)\b .{0,60}? \b(?:rate|give|grade|score)\s+(?:it|this)\b",
    rf"\b{_PEOPLE}\s+before\s+you\b | \bpoints?\s+(?:that\s+)?you\s+(?:are|were)\s+looking\s+for\b",
    r"\b(?:sample|item)\s+is\s+the\s+anchor\b | \b(?:hiring\s+manager|exam\s+office)\s+told\b",
    r"""(?:^\W*(?:本题|我的)?|最终|最后)(?:得分|分数|评分|成绩|结论|判定)\s*(?:为|是|:|：|=)+\s*
        (?:\d+\s*/\s*\d+|100?(?!\s*[.\d到至的倍个-])|满|优(?![先化势点])|通过(?!的)|十分)""",
    r"^\W*(?:准确性|完整性|表达|总评|深度|相关性)\s*[:：]\s*(?P<all>\d+)\s*/\s*(?P=all)\W*$",
    r"(?:等级|分数|得分|成绩)\s*[=＝]\s*[\"“]?(?:优秀|满分|最高) | 预期(?:输出|得分|分数)(?:是|为)\s*\d+\s*分",
    r"(?:本|该|此)(?:回答|答案|题)[^，。]{0,2}(?:得|评|给)\s*\d+\s*分",
    r"我给\s*\d+\s*分 | 要点[一二三四五\d]+\s*[:：]\s*已?满足",
    rf"(?:{_MY_ANSWER_HAN}|以上内容)[^。]{{0,8}}(?:完整|准确|毫无|没有可以扣分|正确无误|无任何遗漏)",
    rf"(?:{_MY_ANSWER_HAN}|本文)[^。]{{0,12}}(?:标准答案|参考答案)[^。]{{0,8}}(?:一致|相似|吻合)",
    rf"{_MY_ANSWER_HAN}[^。]{{0,24}}(?:完全)?符合(?:各项|所有|全部|评分)",
    r"[您你](?:想看到|要找|期望)的(?:要点|内容|点)[^。]{0,4}我",
    r"因为?(?:篇幅|太短)[^，。]{0,4}扣分 | 认证过(?:这段|本)",
    r"前面(?:的)?[几两三四五\d]?位?(?:评委|考官|面试官)[^，。]{0,4}都 | (?:评委|考官)们?都已?给了?(?:我|本)",
    r"""(?<!如果)(?<!若)(?<!当)(?:本|该|这个|此|我的|这份)(?:回答|答案|作答|考生|候选人) [^。！？\n]{0,16}?
        (?: (?:满足|符合|达到).{0,6}(?:所有|全部|各项|每|评分|标准|要求|满分)
          | (?:应得|应当得|应该得|值得).{0,6}(?:分|通过|最高|录用)
          | 已经?(?:由[^，。]{0,12})?被?(?:人工|专家|官方)?(?:通过|核实|审核|验证|认证|评为|判为) )""",
)
_MASKS = tuple(
    re.compile(pattern, re.IGNORECASE | re.VERBOSE) for pattern in (*_SET_ASIDE, *_ASK, *_SPEAK_AS, *_VERDICT)
)
# What decides here, for the record of what screening looked for.
RULES = (*(pattern.pattern for pattern in _MASKS), _SHARE_ON_SUBJECT)
_APART = re.compile(r"(?<=\b\w) (?=\w\b)")
_LEET = str.maketrans("013457@$", "oieastas")
_LEET_WORD = re.compile(r"\b[a-z]+[013457@$][\w@$]*|\b[013457@$]+[a-z][\w@$]*", re.IGNORECASE)


@dataclass(frozen=True)
class Injections:
    """What speaks to the grader: `masked` bounds what no model is to read, `suspected` says whether any of it does."""

    masked: list[tuple[int, int]]
    suspected: bool


def find_injections(
    whole: str, bounds: Sequence[tuple[int, int]], known: frozenset[str], kinds: SentenceKinds | None
) -> Injections:
    """Of the sentences (start, end) of a text those that speak to the grader, neighbours joined.

    Of the sentences that only the classifier of `kinds` recognises those are read whose terms are to a good part
    `known`, from the question and its key, and all where nothing else is there: then a model is to say what they are
    worth. Without `kinds` patterns alone decide.
    """
    sentences = [whole[start:end] for start, end in bounds]
    by_pattern = [_speaks(sentence) for sentence in sentences]
    sure = likely = [False] * len(sentences)
    if kinds:
        is_off_subject = [not _is_on_subject(sentence, known) for sentence in sentences]
        sure = _both(is_off_subject, kinds.speaks_to_grader(sentences, certainty="sure"))
        likely = _both(is_off_subject, kinds.speaks_to_grader(sentences, certainty="even"))
    recognised = [first or second for first, second in zip(by_pattern, sure, strict=True)]
    spread = _spread(recognised, likely)
    masked = by_pattern if all(spread) else spread
    return Injections(masked=text.join_spans(list(itertools.compress(bounds, masked))), suspected=any(recognised))


def _both(first: Sequence[bool], second: Sequence[bool]) -> list[bool]:
    return [one and other for one, other in zip(first, second, strict=True)]


def _spread(recognised: Sequence[bool], likely: Sequence[bool]) -> list[bool]:
    """With those that are as likely as not, and follow or precede a recognised one without another between."""
    spread = list(recognised)
    for order in (range(1, len(spread)), range(len(spread) - 2, -1, -1)):
        step = -order.step
        for place in order:
            spread[place] = spread[place] or (likely[place] and spread[place + step])
    return spread


def _is_on_subject(sentence: str, known: frozenset[str]) -> bool:
    said = terms(sentence)
    return bool(said) and len(said & known) >= _SHARE_ON_SUBJECT * len(said)


def _speaks(sentence: str) -> bool:
    return any(pattern.search(spelled) for spelled in _spellings(sentence) for pattern in _MASKS)


def _spellings(sentence: str) -> Iterator[str]:
    """The sentence, and what l e t t e r s apart and d1g1ts for letters are read as, where it has some."""
    yield sentence
    if (together := _APART.sub("", sentence)) != sentence:
        yield together
    if (letters := _LEET_WORD.sub(lambda word: word.group().translate(_LEET), sentence)) != sentence:
        yield letters
