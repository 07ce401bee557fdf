from __future__ import annotations

import pytest

from vivavoce.graders.judge.clients.addresses import hide_credentials


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("http://judge:PW@host:8080/v1", "http://host:8080/v1"),
        ("http://TOKEN@host", "http://host"),
        ("redis://:p@ss/w#rd?@host:6379/0", "redis://host:6379/0"),
        (
            "no judge at http://a:PW@one,https://b:PW@two/v1 (ConnectError)",
            "no judge at http://one,https://two/v1 (ConnectError)",
        ),
        ("postgresql+psycopg://viva:PW%40@db/viva", "postgresql+psycopg://db/viva"),
        ("see http://host/path and mail a@b.example", "see http://host/path and mail a@b.example"),
        ('{"url": "http://host", "mail": "a@b"}', '{"url": "http://host", "mail": "a@b"}'),
        ("no address here, 3 @ 4", "no address here, 3 @ 4"),
    ],
)
def test_names_and_passwords_are_left_out(text: str, shown: str) -> None:
    assert hide_credentials(text) == shown
