from __future__ import annotations

import os
import signal

import pytest

from vivavoce.cli.interrupts import deferred_interrupts


class _Closing:
    def __del__(self) -> None:
        os.kill(os.getpid(), signal.SIGINT)


def test_an_interrupt_is_raised_where_it_comes() -> None:
    with deferred_interrupts() as interruption, pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)
    assert interruption.received


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_interrupt_in_a_finaliser_is_raised_later() -> None:
    with deferred_interrupts() as interruption:
        interruption.raise_if_received()
        closing = _Closing()
        del closing
        with pytest.raises(KeyboardInterrupt):
            interruption.raise_if_received()


def test_the_handler_before_is_restored() -> None:
    before = signal.getsignal(signal.SIGINT)
    with deferred_interrupts():
        assert signal.getsignal(signal.SIGINT) != before
    assert signal.getsignal(signal.SIGINT) == before
