"""Labels of speakers: names and roles with stamps, notes in brackets and marks around them."""

from __future__ import annotations

import re

from .roles import ROLES, UNNAMED, VERB
from .stamps import ANY_STAMP, STAMP

_NAME_PART = r"[^\s:：,，。;；!?！？()（）\[\]<>|=\"“”`*]"
NAME = rf"[^\W\d_]{_NAME_PART}{{0,23}}(?:\ {_NAME_PART}{{1,20}}){{0,3}}"
# "Weber, Tom", as directories of companies have it.
_LAST_NAME_FIRST = r"[A-Z][^\W\d_]+(?:[- ][A-Z][^\W\d_]+)?,\ [A-Z][^\W\d_]+(?:[- ][A-Z][^\W\d_.]*\.?)?"
_ANY_NAME = rf"(?:{_LAST_NAME_FIRST}|{NAME})"
_NOTE = r"(?:\s?[(\[（【](?P<note>[^()\[\]（）【】\d]{1,20})[)\]）】])?"
# Behind a role anything may stand: a name, a company, a number.
_NOTE_OF_ROLE = r"(?:\s?[(\[（【][^()\[\]（）【】\n]{1,40}[)\]）】])?"
_BOLD = r"(?:\*{1,3}|__?)?"
_DECORATION = rf"(?:[-*•>#]+\s+)?{_BOLD}"
LABEL = re.compile(
    rf"""(?x) {_DECORATION} (?:(?P<before>{ANY_STAMP})\s*[-–]?\s*(?:From\s+)?)?
    (?: <v(?:\.[^\s>]+)?\s+(?P<voice>[^>]+)>
      | {_BOLD} (?P<name>{_ANY_NAME}) {_NOTE} \s? (?P<behind>{ANY_STAMP})? {_BOLD} \s?[:：](?!/) {_BOLD} )
    \s* (?P<later>{STAMP}\s*)?"""
)
LABEL_ALONE = re.compile(
    rf"""(?x) {_DECORATION} (?: (?P<name>{_ANY_NAME}) {_NOTE} \s* [-–|,]? \s+ {ANY_STAMP}
      | {ANY_STAMP} \s+ [-–|]? \s* (?P<name2>{_ANY_NAME}) {_NOTE.replace("note", "note2")} ) {_BOLD} \s*[:：]?\s*"""
)
# Between "<v" and ">".
VOICE = re.compile(
    r"(?x)\s*(?P<name>[^>]+?)\s*(?:(?:[(\[（【]|\s[|–—-]\s)\s*(?P<note>[^()\[\]（）【】]{1,30}?)\s*[)\]）】]?)?\s*"
)
NAME_ALONE = re.compile(rf"{_BOLD}(?P<name>{_ANY_NAME}){_NOTE}{_BOLD}\s*[:：]?\s*")
# With these words in front there need be no colon.
ROLE_LABEL = re.compile(
    rf"""(?xi) {_DECORATION} (?:(?P<before>{ANY_STAMP})\s*[-–]?\s*)? [\[(【<]? (?P<name>{ROLES})
    (?: \s?[-–—/|·_,，]\s? (?P<more>{NAME}) (?=[\])】>]?\s?(?:{STAMP})?\s?[:：]) )? [\])】>]? {_NOTE_OF_ROLE}
    \s? (?P<behind>{STAMP})? {_BOLD}
    \s* (?: {VERB}?\s?[:：] | \s[-–—]\s | [>】\]](?=\s) | (?<=[】\]>]) | $ ) {_BOLD} \s* (?:{STAMP}\s*)?"""
)
UNNAMED_LABEL = re.compile(
    rf"""(?xi) {_DECORATION} (?:(?P<before>{ANY_STAMP})\s*)? (?: [\[(【<]\s*(?P<name>{UNNAMED})\s*[\])】>]
      | (?P<name2>{UNNAMED}) \s* (?P<behind>{STAMP}) ) \s*[:：]?{_BOLD}\s*(?=\S)"""
)
# "Q. … A. …", which `roles` reads without the full stop.
QUESTION_LABEL = re.compile(rf"(?x) {_DECORATION} (?P<name>[QA]\s?\d{{0,2}}) [.)] {_BOLD} \s+ (?=\S)")
# Without a colon: in bold or italics, in brackets, "Q1" and 问 before a blank, and alone on a line.
BARE_LABEL = re.compile(
    rf"""(?x) (?:[-*•>#]+\s+)? (?:
      (?P<mark>\*{{1,3}}|__?) (?P<bold>{NAME}) {_NOTE} (?P=mark) (?:\s*[-–—]\s)? \s* (?=[^\s*:：]|$)
      | [\[(（【<「] \s? (?P<bracket>{NAME}) \s? [\])）】>」] \s* (?=[^\s:：(])
      | (?:\d{{1,2}}[.)、]\s*)? (?P<letter> (?:[QA]|问题?|回?答)\s?\d{{1,2}} | (?P<blank>[QA问答])(?=\s)
        | [QA问答](?=[:：]) ) \s?[:：)）、\-–—]? \s* (?=[^\W\d]|[“"'(（「])
      | (?P<alone> (?i:me|myself|question|answer|{ROLES}) | [QA问答]\s?\d{{0,2}} | 我 ) \s* $
      | (?P<word> (?i:{ROLES}) | [Mm]e | ME | 我 | 老师 | 学生 ) \s+
        (?=[A-Z\u4e00-\u9fff]) (?![^\n:：]{{0,40}}[:：]) )"""
)
_TO_WHOM = re.compile(r"\s+[Tt]o\s+\w+$")


def order_name(name: str) -> str:
    """A name with the first name in front, without its readers: "Tom Weber" for "Weber, Tom to Everyone"."""
    last, comma, first = _TO_WHOM.sub("", name).partition(", ")
    return f"{first} {last}" if comma else last
