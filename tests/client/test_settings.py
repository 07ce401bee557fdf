from __future__ import annotations

import pytest

from vivavoce.client import Client, NotConfigured
from vivavoce.client.settings import read_settings


def test_key_and_address_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIVA_KEY", " viva_of_environment\n")
    monkeypatch.setenv("VIVA_URL", "https://viva.example/grading/")
    settings = read_settings(None, None)
    assert (settings.url, settings.key) == ("https://viva.example/grading", "viva_of_environment")
    assert read_settings("http://other", "viva_given").key == "viva_given"


def test_without_an_address_it_is_the_one_of_this_machine() -> None:
    assert read_settings(None, "viva_x").url == "http://127.0.0.1:8000"


@pytest.mark.parametrize(
    ("url", "key", "sentence"),
    [
        (None, None, "There is no key: give one as key, or set VIVA_KEY"),
        (None, "“viva_x”", "characters that no key has"),
        ("viva.example", "viva_x", "The address of the service is none"),
        ("ftp://viva.example", "viva_x", "The address of the service is none"),
    ],
)
def test_what_is_missing_is_one_sentence(url: str | None, key: str | None, sentence: str) -> None:
    with pytest.raises(NotConfigured, match=sentence):
        Client(url, key)


def test_the_key_stands_in_no_representation() -> None:
    assert "viva_secret" not in repr(read_settings(None, "viva_secret"))
