from __future__ import annotations

import re
import string
from pathlib import Path
from typing import get_args

import pytest

from vivavoce.graders.errors import UnscoredReason
from vivavoce.graders.types import Flag, Report, Strictness
from vivavoce.rubrics import Language
from vivavoce.service.page import report_labels
from vivavoce.service.page.report_labels import LABELS, format_points, format_share
from vivavoce.service.page.report_words import (
    LEVELS,
    SIGNALS,
    STRICTNESS,
    UNREAD,
    Wording,
    describe_flag,
    describe_reason,
    describe_state,
)
from vivavoce.service.storage.tables import State

LANGUAGES: tuple[Language, ...] = get_args(Language)
SOURCES = Path(report_labels.__file__).parent


def _check(wording: Wording, identifier: str, language: Language) -> None:
    assert wording.label
    assert "_" not in wording.label + wording.sentence
    assert wording.label != identifier
    assert bool(re.search(r"[\u4e00-\u9fff]", wording.label)) == (language == "zh")
    assert wording.sentence.endswith("。" if language == "zh" else ".")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("state", State)
def test_every_state_has_words(state: State, language: Language) -> None:
    _check(describe_state(state.value, language), state.value, language)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("flag", Flag)
def test_every_flag_has_words(flag: Flag, language: Language) -> None:
    _check(describe_flag(flag.value, language), flag.value, language)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("reason", [*(reason.value for reason in UnscoredReason), "worker_lost", "crashed"])
def test_every_unscored_reason_has_words(reason: str, language: Language) -> None:
    _check(describe_reason(reason, language), reason, language)


@pytest.mark.parametrize("language", LANGUAGES)
def test_labels_tell_identifiers_apart(language: Language) -> None:
    for identifiers, describe in [(State, describe_state), (Flag, describe_flag), (UnscoredReason, describe_reason)]:
        labels = [describe(identifier, language).label for identifier in identifiers]
        assert len(set(labels)) == len(labels)


def test_an_identifier_of_a_newer_service_is_readable() -> None:
    assert describe_flag("very_new_flag", "zh") == Wording("very new flag", "")


def test_both_languages_have_the_same_labels() -> None:
    assert LABELS["en"].keys() == LABELS["zh"].keys()


def _fields(text: str) -> set[str]:
    return {field for _, field, _, _ in string.Formatter().parse(text) if field}


def test_a_label_takes_the_same_values_in_both() -> None:
    for name, english in LABELS["en"].items():
        fields = [
            {field for _, field, _, _ in string.Formatter().parse(text)} for text in (english, LABELS["zh"][name])
        ]
        assert fields[0] - {None} == fields[1] - {None}, name


def test_every_label_is_used() -> None:
    names = "html_report.html", "html_report.py", "report_criteria.py", "report_markup.py", "report_sections.py"
    names += ("report_scores.py",)
    text = "".join((SOURCES / name).read_text(encoding="utf-8") for name in names)
    # Kinds of criteria and words of confidence are looked up by their value.
    by_value = {"negative", "gate", "high", "medium", "low"}
    unused = {name for name in LABELS["en"] if not re.search(rf"(labels|t)\.{name}\b|\"{name}\"", text)}
    assert unused <= by_value


def test_tables_of_words_cover_what_reports_hold() -> None:
    assert set(STRICTNESS) == {*get_args(Strictness), None}
    assert set(UNREAD) <= set(Report.__dataclass_fields__)
    assert set(LEVELS) == {"binary", "negative", "gate"}
    for words in (*STRICTNESS.values(), *UNREAD.values(), *LEVELS.values(), *SIGNALS.values()):
        assert set(words) == set(LANGUAGES)


@pytest.mark.parametrize(
    ("points", "shown"), [(-0.04, "0.0"), (-0.0, "0.0"), (-1.25, "−1.2"), (7.96, "8.0"), (10, "10.0"), (0, "0.0")]
)
def test_points_have_one_decimal_and_no_minus_zero(points: float, shown: str) -> None:
    assert format_points(points) == shown


def test_contributions_show_their_sign() -> None:
    assert (format_points(0.3, sign=True), format_points(-0.3, sign=True)) == ("+0.3", "−0.3")


def test_shares_are_whole_per_cents() -> None:
    assert (format_share(0), format_share(0.666), format_share(1)) == ("0%", "67%", "100%")
