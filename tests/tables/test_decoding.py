from __future__ import annotations

import pytest

from vivavoce.tables import TableError, decode_text

CHINESE = "考生,回答\n甲,权重用更少的比特表示，所以模型更小，推理也更快。\n"
TAIWANESE = "考生,回答\n甲,快取把結果存起來，下一次就不必再計算。\n"
FRENCH = "candidate,answer\nc1,Les poids sont stockés en entiers – « déjà vu » à 5 µm\n"


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "gb18030"]
)
@pytest.mark.parametrize("text", [CHINESE, TAIWANESE, "candidate,answer\nc1,plain\n"])
def test_text_is_found_in_its_encoding(text: str, encoding: str) -> None:
    assert decode_text(text.encode(encoding))[0] == text


@pytest.mark.parametrize(
    ("text", "encoding", "name"),
    [
        (CHINESE, "gb18030", "GB18030"),
        (CHINESE, "gbk", "GB18030"),
        (TAIWANESE, "big5", "Big5"),
        (FRENCH, "cp1252", "Windows-1252"),
        ("candidate,answer\nc1,Größe, Maß, für\n", "cp1252", "Windows-1252"),
        ("candidate,answer\nc1,5 µm\n", "cp1252", "Windows-1252"),
        (CHINESE, "utf-16-be", "UTF-16"),
    ],
)
def test_a_guess_is_told_with_the_option_to_correct_it(text: str, encoding: str, name: str) -> None:
    read, notice = decode_text(text.encode(encoding))
    assert read == text
    assert notice is not None
    assert name in notice
    assert "--encoding NAME" in notice


def test_what_has_a_mark_or_is_strict_utf8_is_no_guess() -> None:
    assert [decode_text(CHINESE.encode(name))[1] for name in ("utf-8", "utf-8-sig", "utf-16", "utf-32")] == [None] * 4


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("candidate,answer\nc1,привет мир это ответ\n", "cp1251"),
        ("candidate,answer\nc1,こんにちは世界、これは答えです\n", "shift_jis"),
        ("candidate,answer\nc1,안녕하세요 세계 답변입니다\n", "euc-kr"),
    ],
)
def test_other_encodings_are_asked_for(text: str, encoding: str) -> None:
    with pytest.raises(TableError, match="in an encoding that cannot be told: say which it is with --encoding NAME"):
        decode_text(text.encode(encoding))
    assert decode_text(text.encode(encoding), encoding=encoding) == (text, None)


@pytest.mark.parametrize("name", ["klingon", "base64", "rot13", "idna", "unicode_escape", "", "a\0b"])
def test_a_name_of_no_encoding_is_refused(name: str) -> None:
    with pytest.raises(TableError, match="which is no encoding: name one such as utf-8, gb18030, big5 or cp1252"):
        decode_text(b"answer", encoding=name)


def test_a_named_encoding_that_does_not_fit_is_told_with_its_line() -> None:
    with pytest.raises(TableError, match=r"is not UTF-8 text \(line 2, byte 8\)"):
        decode_text(b"answer\n\xd6\xd0", encoding="utf-8")


def test_damaged_utf8_is_not_read_as_something_else() -> None:
    data = CHINESE.encode()
    with pytest.raises(TableError, match=r"UTF-8 text with a damaged character \(line 2, byte 31\)"):
        decode_text(data[:30] + b"\xff" + data[30:])


def test_a_cut_file_with_a_mark_is_named() -> None:
    with pytest.raises(TableError, match="is not UTF-16 text"):
        decode_text(CHINESE.encode("utf-16")[:-1])
