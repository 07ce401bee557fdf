"""Roles of speakers, by the labels in front of their words; all labels are in normal form."""

from __future__ import annotations

import re
from enum import Enum

from ..chinese_script import has_han


class Role(Enum):
    """Who a label stands for; QUESTION and ANSWER mean something only together, SELF beside others."""

    INTERVIEWER = "interviewer"
    CANDIDATE = "candidate"
    QUESTION = "question"
    ANSWER = "answer"
    SELF = "self"
    UNNAMED = "unnamed"
    NAME = "name"
    NONE = "none"


_INTERVIEWER = r"""(?:the\ )?interviewer | (?:the\ )?examiner | recruiter | moderator
    | hiring\ (?:manager|team|committee) | hr(?:\ ?(?:manager|bp|partner))?
    | panell?ist | panel(?:\ (?:member|chair))? | screener | assessor
    | (?:主|副|技术|业务|HR\ ?|第?[一二三]面|[一二三]号)?面试官 | 面试(?:老师|组|考官) | 主?考官 | 主考 | 主持人
    | (?:提问|发问|采访|访谈|出题)[者人员] | 招聘(?:[官者方]|经理|专员) | 用人经理 | 人事(?:经理|专员)? | 人力资源
    | 评委(?:老师)? | 猎头(?:顾问)?"""
_CANDIDATE = r"""(?:the\ |job\ )?(?:candidate|applicant) | interviewee | respondent | examinee | testee
    | job\ ?seeker | test\ ?taker | 候选[人者] | 考生 | 应[聘征考试][者人] | 求职[者人] | 竞聘[者人] | 受[访试][者人]
    | 被(?:面试|采访|访谈|测?试|考)[者人] | 面试[者人] | 被试 | 答题[者人] | 回答者 | 作答[者人]"""
# Nobody but a speaker is called so.
_SURE_INTERVIEWER = re.compile(r"(?i)interviewer|examiner|面试官|考官|采访")
_NUMBER = r"(?-i:\s*(?:[#\-_]?\s*\d{1,2}|\ ?[A-Z])?)"
_INTERVIEWERS = re.compile(rf"(?xi)(?:{_INTERVIEWER}){_NUMBER}")
_CANDIDATES = re.compile(rf"(?xi)(?:{_CANDIDATE}){_NUMBER}")
_HAS_INTERVIEWER = re.compile(rf"(?xi)(?:\b|(?<=[\u4e00-\u9fff])|^)(?:{_INTERVIEWER})(?:\b|(?=[\u4e00-\u9fff])|$)")
_HAS_CANDIDATE = re.compile(rf"(?xi)(?:\b|(?<=[\u4e00-\u9fff])|^)(?:{_CANDIDATE})(?:\b|(?=[\u4e00-\u9fff])|$)")
ROLES = rf"(?:{_INTERVIEWER}|{_CANDIDATE}){_NUMBER}"
_WORD_FOR_QUESTION = re.compile(r"(?i)(?:q|question|提?问|追问)\s*\d{0,2}")
_QUESTION = re.compile(r"(?i)(?:q|question|提?问|问题|追问|老师|教师|记者|teacher|professor|instructor)\s*\d{0,2}")
_ANSWER = re.compile(r"(?i)(?:a|ans|answer|答|回答|答案|答复|学生|同学|嘉宾|student|pupil)\s*\d{0,2}")
_SELF = re.compile(r"(?i)我|本人|我自己|me|myself")
# What stands behind a label, as in 老师问 and "Interviewer asks".
VERB = r"""(?: (?:[又再就]|接着|继续|马上)? (?: (?:提?问|追问|反问)[我你他]?|问道|说|说道|讲|答|回答|答道|回应|补充 )
    | \s+(?:asks?|asked|says?|said|answers?|answered|repl(?:y|ies|ied)|responds?|responded)(?:\s(?:me|him|her))? )"""
_VERB_BEHIND = re.compile(rf"(?xi)(?P<name>.+?){VERB}")
UNNAMED = r"""(?: (?: (?:unknown\s)?speaker | spk | participant | voice | (?:未知)?[说讲]话人 | 发言人 | 讲者
    | 用户(?=[\s_\#-]*\d) | (?:腾讯会议|飞书|钉钉|企业微信|Zoom)(?:用户|访客|成员) | 参会[人者] | 与会者 )
    [\s_\#-]* (?: \d{1,4} | (?-i:[A-Z]) \b )? )"""
_UNNAMED = re.compile(rf"(?xi){UNNAMED}")
# What stands before a colon in answers and is no person.
_TERMS = frozenset(
    """pros cons pro con advantage advantages disadvantage disadvantages benefit benefits drawback drawbacks input
    inputs output outputs example examples note notes step steps problem problems solution solutions cause
    causes effect risk risks mitigation before after server client producer consumer generator discriminator
    encoder decoder teacher student user users assistant system bot agent customer customers human ai model
    models tool prompt response request reply situation task action result results reason reasons first second
    third finally also summary conclusion definition what why how when where who training inference data code
    test goal goals idea method key value query read write attacker victim sender receiver buyer seller doctor
    patient master slave leader follower primary replica host guest parent child manager employee team lead
    engineer developer tester reviewer author judge jury claim fact feature features function class return
    returns given then if else yes no today monday tuesday precision recall accuracy latency throughput memory
    storage compute cost speed quality safety privacy security scale scaling cache index network layer layers
    attention gradient loss metric metrics frontend backend database queue worker scheduler planner executor
    retriever reranker ranker reader writer publisher subscriber sender router gateway port primary secondary
    business engineering product design legal finance sales support theory practice old new left right top bottom
    phase stage option case scenario rule principle point points trade-off tradeoff short long high low plan vector
    group node system set matrix variant version type part branch table service machine process thread transaction
    region zone shard company line figure appendix section chapter exercise example""".split()
)
_LATIN_NAME = re.compile(r"(?:(?:Dr|Mr|Ms|Mrs|Prof)\.? )?[A-Z][a-z'’-]+(?: (?:[A-Z]\.?|[A-Z][A-Za-z'’-]+)){0,3}")
_SURNAMES = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈姚卢姜崔"
    "钟谭陆汪范廖贾夏韦付邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵钱覃武戴莫孔汤"
)
_HAN_NAME = re.compile(
    rf"""(?x) (?:[{_SURNAMES}]|欧阳)[\u4e00-\u9fff]{{1,2}} | [老小阿][{_SURNAMES}]
    | [{_SURNAMES}](?:老师|总|工|经理|同学|先生|女士)"""
)
_HAN_TERMS = frozenset(
    "任务 程序 何时 何地 何人 江湖 马上 余下 史实 夏天 秦朝 龙头 顾客 武器 雷同 段落 任何 周期 周一 周末".split()
)


def find_role(label: str, note: str = "") -> Role:
    """The role of a label; `note` stands in brackets behind it, as in "Alice (Interviewer)"."""
    for text in (label, note):
        if _INTERVIEWERS.fullmatch(text):
            return Role.INTERVIEWER
        if _CANDIDATES.fullmatch(text):
            return Role.CANDIDATE
    if _QUESTION.fullmatch(label):
        return Role.QUESTION
    if _ANSWER.fullmatch(label):
        return Role.ANSWER
    if _SELF.fullmatch(label):
        return Role.SELF
    if _UNNAMED.fullmatch(label):
        return Role.UNNAMED
    return _find_role_of_name(label)


def drop_verb(label: str) -> str:
    """A label without the verb behind it, if the rest stands for somebody: 老师 for 老师问."""
    match = _VERB_BEHIND.fullmatch(label)
    is_verb = match is not None and find_role(label) is Role.NONE and find_role(match["name"]) is not Role.NONE
    return match["name"] if match and is_verb else label


def _find_role_of_name(label: str) -> Role:
    # "Interviewer Jane", 候选人张三; "candidate generation" is no person.
    if label[0].isupper() or has_han(label[0]):
        if _HAS_CANDIDATE.match(label) and is_name(_HAS_CANDIDATE.sub("", label).strip(" -_·")):
            return Role.CANDIDATE
        if _HAS_INTERVIEWER.match(label) and is_name(_HAS_INTERVIEWER.sub("", label).strip(" -_·")):
            return Role.INTERVIEWER
    return Role.NAME if is_name(label) else Role.NONE


def is_sure_interviewer(label: str) -> bool:
    """Whether a label is a word for an interviewer that answers use for nothing else, unlike "Panel" and HR."""
    return bool(_SURE_INTERVIEWER.search(label))


def is_word_for_question(label: str) -> bool:
    """Whether a label says that what follows is a question, unlike 老师, who may be a model."""
    return bool(_WORD_FOR_QUESTION.fullmatch(label))


def is_term(label: str) -> bool:
    """Whether a label has a word that stands before a colon in answers, such as "Step 1"."""
    return label in _HAN_TERMS or bool({word.lower().strip(".") for word in re.findall(r"[^\W\d_]+", label)} & _TERMS)


def is_name(label: str) -> bool:
    """Whether a label looks like the name of a person."""
    if _HAN_NAME.fullmatch(label):
        return label not in _HAN_TERMS
    return bool(_LATIN_NAME.fullmatch(label)) and not {word.lower().strip(".") for word in label.split()} & _TERMS


def is_same_person(label: str, candidate: str) -> bool:
    """Whether a label names the candidate: all words of the shorter name are words of the longer one."""
    names = [frozenset(re.findall(r"[^\W_]+", name.casefold())) for name in (label, candidate)]
    shorter, longer = sorted(names, key=len)
    return bool(shorter) and shorter <= longer
