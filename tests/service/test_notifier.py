from __future__ import annotations

import threading

import anyio
import pytest

from vivavoce.service.notifier import EventNotifier, SilentNotifier, announce


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


def test_a_notifier_that_may_be_slow_does_not_hold_up_the_event_loop() -> None:
    threads: dict[str, threading.Thread] = {}

    class Slow:
        def notify(self, grading_id: str) -> None:
            threads[grading_id] = threading.current_thread()

    anyio.run(announce, Slow(), "id")
    assert threads["id"] is not threading.current_thread()


def test_a_worker_of_this_process_is_notified_from_the_event_loop(notifier: EventNotifier) -> None:
    anyio.run(announce, notifier, "id")
    assert notifier.wait(0)
