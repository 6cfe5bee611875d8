"""The figures of today: a read that hangs holds one thread, and not those of all who look."""

from __future__ import annotations

import threading

import pytest

from paymentapp.bootstrap import build_services
from paymentapp.config import Settings
from paymentapp.errors import StoreUnavailable
from paymentapp.services import today
from paymentapp.services.overview import Overview, Picture
from paymentapp.services.today import KEPT_SECONDS
from tests.support.ledger_provider import LedgerProvider
from tests.support.memory_store import MemoryStore


class HangingOverview:
    """An overview whose next read hangs until it is released, where it is told so."""

    def __init__(self, overview: Overview) -> None:
        self.overview = overview
        self.hangs = False
        self.begun, self.released = threading.Event(), threading.Event()

    def picture(self, most: int | None = None) -> Picture:
        if self.hangs:
            self.begun.set()
            assert self.released.wait(10)
        return self.overview.picture(most)


class Figures:
    """The service over it, by a timer that the test sets."""

    def __init__(self) -> None:
        self.now = 0.0
        self.store = MemoryStore()
        services = build_services(
            Settings(),
            store=self.store,
            providers={"paypal": LedgerProvider()},
            timer=lambda: self.now,
        )
        self.overview = HangingOverview(services.overview)
        services.__dict__["overview"] = self.overview
        self.today = services.today

    def hang(self) -> threading.Thread:
        """Have a thread read, and not be answered."""
        self.overview.hangs = True
        self.now += KEPT_SECONDS
        thread = threading.Thread(target=self.today.figures)
        thread.start()
        assert self.overview.begun.wait(10)
        return thread


def test_while_a_read_hangs_others_get_what_was_read_before() -> None:
    world = Figures()
    before = world.today.figures()
    reading = world.hang()
    assert world.today.figures() is before
    world.overview.released.set()
    reading.join()
    assert world.today.figures().read_at > before.read_at


def test_where_nothing_was_read_before_nobody_waits_for_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(today, "WAIT_SECONDS", 0.05)
    world = Figures()
    reading = world.hang()
    with pytest.raises(StoreUnavailable):
        world.today.figures()
    world.overview.released.set()
    reading.join()
    assert world.today.figures().picture.payments == 0


def test_after_a_read_that_fails_the_next_one_is_made() -> None:
    world = Figures()
    before = world.today.figures()
    world.now += KEPT_SECONDS
    world.store.down = True
    with pytest.raises(StoreUnavailable):
        world.today.figures()
    world.store.down = False
    assert world.today.figures().read_at > before.read_at
