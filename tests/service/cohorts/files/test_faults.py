from __future__ import annotations

import re
from pathlib import Path

from vivavoce.service.cohorts.files import faults
from vivavoce.service.cohorts.files.faults import load_words, say

DOCS = Path(__file__).parents[4] / "docs" / "api" / "cohort-files.md"


def test_every_code_has_cause_and_fix_in_both_languages() -> None:
    for code, words in load_words().items():
        for language in ("zh", "en"):
            assert words.cause[language], code
            assert words.fix[language], code
        assert re.search("[\u4e00-\u9fff]", words.cause["zh"]), code


def test_every_code_is_documented_with_its_level() -> None:
    listed = dict(re.findall(r"^\| `(\w+)` \| (\w+) \|", DOCS.read_text(encoding="utf-8"), re.MULTILINE))
    assert listed == {code: words.level for code, words in load_words().items()}


def test_every_code_of_the_readers_has_words() -> None:
    root = Path(faults.__file__).parents[3]
    folders = [root / "service" / "answer_files", root / "service" / "cohorts" / "files", root / "tables"]
    sources = [path.read_text(encoding="utf-8") for folder in folders for path in folder.rglob("*.py")]
    used = {code for text in sources for code in re.findall(r'\bFault\(\s*"(\w+)"', text)}
    used |= {code for text in sources for code in re.findall(r'\bSentence\([^\n]*?,\s*"(\w+)"[,)]', text)}
    assert len(used) > 50
    # `several_columns` and `missing_column` of chosen columns are named by the mapping.
    assert used - {"several_columns"} <= set(load_words())


def test_what_is_not_known_is_left_out_of_a_sentence() -> None:
    assert say("unknown_question", {"near": ""}, "en")[0] == "There is no such question"
    assert say("unknown_question", {"near": "rag"}, "zh")[0] == "题库里没有这道题（最接近：rag）"
