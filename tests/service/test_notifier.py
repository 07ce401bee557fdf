from __future__ import annotations

import threading

import pytest

from vivavoce.service.notifier import EventNotifier, SilentNotifier


@pytest.fixture
def notifier() -> EventNotifier:
    return EventNotifier()


def test_nothing_to_hear_times_out(notifier: EventNotifier) -> None:
    assert not notifier.wait(0)


def test_several_notifications_wake_once(notifier: EventNotifier) -> None:
    for _ in range(3):
        notifier.notify("id")
    assert [notifier.wait(0) for _ in range(2)] == [True, False]


def test_a_notification_before_the_wait_is_heard(notifier: EventNotifier) -> None:
    assert not notifier.wait(0)
    notifier.notify("id")
    assert notifier.wait(0)


def test_every_thread_hears_each_notification(notifier: EventNotifier) -> None:
    heard: list[bool] = []
    notifier.notify("id")
    assert notifier.wait(0)
    threads = [threading.Thread(target=lambda: heard.append(notifier.wait(0))) for _ in range(3)]
    for thread in threads:
        thread.start()
        thread.join()
    assert heard == [True] * 3


def test_a_waiting_thread_is_woken(notifier: EventNotifier) -> None:
    heard: list[bool] = []
    thread = threading.Thread(target=lambda: heard.append(notifier.wait(30)))
    thread.start()
    notifier.notify("id")
    thread.join(20)
    assert heard == [True]


def test_a_silent_notifier_takes_anything() -> None:
    SilentNotifier().notify("id")
