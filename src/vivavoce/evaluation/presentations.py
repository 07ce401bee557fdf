"""Writes an answer as files and forms deliver it, which must not change what is read of it.

Each presentation takes an answer, Chinese or English, and returns the same words in another wrapping.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Mapping

from vivavoce.graders.reading import normal_text

_LABELS = {"en": ("Interviewer: ", "Candidate: "), "zh": ("面试官：", "候选人：")}
_OPENING = {"en": "Next question, please. What would you say to that?", "zh": "我们来看下一题，这个问题你怎么看？"}
_LISTENING = {"en": "Mhm, go on.", "zh": "嗯，请继续。"}
_FULL_WIDTH = {
    code: code + 0xFEE0 for code in map(ord, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
}
_SECONDS_PER_LINE = 4


def write_as_html(answer: str) -> str:
    """The answer as the editor of a learning platform stores it: paragraphs with attributes, and entities."""
    paragraphs = (html.escape(line) for line in answer.splitlines())
    return "".join(
        f'<p dir="ltr" style="text-align: left;">{line.replace("  ", "&nbsp; ")}<br></p>' for line in paragraphs
    )


def write_as_html_list(answer: str) -> str:
    """Each line of the answer as an item of a list in HTML."""
    return (
        "<ul>\n"
        + "".join(f"  <li>{html.escape(line)}</li>\n" for line in answer.splitlines() if line.strip())
        + "</ul>"
    )


def write_with_entities(answer: str) -> str:
    """The answer escaped as for HTML, with no-break spaces and without tags."""
    return html.escape(answer).replace(" ", "&nbsp;")


def write_in_full_width(answer: str) -> str:
    """Latin letters and digits in full width, as an input method for Chinese may type them."""
    return answer.translate(_FULL_WIDTH)


def double_blanks(answer: str) -> str:
    """Two blanks for one."""
    return answer.replace(" ", "  ")


def label_paragraphs(answer: str) -> str:
    """The label of the candidate in front of each paragraph."""
    label = _LABELS[normal_text.detect_language(answer)][1]
    return "\n".join(f"{label}{line}" for line in answer.splitlines() if line.strip())


def write_as_transcript(answer: str) -> str:
    """The answer in a dialogue: an interviewer asks, and encourages after each paragraph."""
    language = normal_text.detect_language(answer)
    interviewer, candidate = _LABELS[language]
    lines = [f"{interviewer}{_OPENING[language]}"]
    for paragraph in filter(str.strip, answer.splitlines()):
        lines += [f"{candidate}{paragraph}", f"{interviewer}{_LISTENING[language]}"]
    return "\n".join(lines)


def write_as_subtitles(answer: str) -> str:
    """The answer as subtitles in the format SRT, a cue for each part of a sentence."""
    cues = []
    for number, part in enumerate(filter(str.strip, re.split(r"(?<=[，。])|(?<=[,.])\s|\n", answer))):
        seconds = (number * _SECONDS_PER_LINE, (number + 1) * _SECONDS_PER_LINE)
        start, end = (f"00:{second // 60:02}:{second % 60:02},000" for second in seconds)
        cues.append(f"{number + 1}\n{start} --> {end}\n{part.strip()}\n")
    return "\n".join(cues)


PRESENTATIONS: Mapping[str, Callable[[str], str]] = {
    "html": write_as_html,
    "html-list": write_as_html_list,
    "entities": write_with_entities,
    "full-width": write_in_full_width,
    "double-blanks": double_blanks,
    "labelled": label_paragraphs,
    "transcript": write_as_transcript,
    "subtitles": write_as_subtitles,
}
