"""A failover of PostgreSQL: a primary that dies, and its synchronous standby that takes over."""

from __future__ import annotations

import threading
import time
from contextlib import closing

from paymentapp.clock import to_text
from paymentapp.config import Settings
from paymentapp.errors import StoreUnavailable
from paymentapp.models.payments import Payment
from paymentapp.storage.changes import Acceptance
from paymentapp.storage.postgresql import PostgreSQLStore
from tests.support import postgresql
from tests.support.postgresql import PASSWORD, SUPERUSER, PostgreSQLServer
from tests.support.records import a_claim, a_payment, later

THREADS = 4


class Callers:
    """Threads that accept payments, and repeat each one until they have its answer."""

    def __init__(self, store: PostgreSQLStore) -> None:
        self.accepted: list[Payment] = []
        self.refusals = 0
        self._store = store
        self._numbers = iter(range(10**6))
        self._ending = threading.Event()
        self._threads = [threading.Thread(target=self._work) for _ in range(THREADS)]
        for each in self._threads:
            each.start()

    def _work(self) -> None:
        while not self._ending.is_set():
            number = next(self._numbers)
            payment = a_payment(payment_id=to_text(later(number)))
            claim = a_claim(key_hash=f"h{number}", payment_id=payment.payment_id)
            while not self._is_accepted(Acceptance(payment, claim)):
                self.refusals += 1
                time.sleep(0.1)

    def _is_accepted(self, acceptance: Acceptance) -> bool:
        try:
            result = self._store.accept(acceptance)
        except StoreUnavailable:
            return False
        assert result == acceptance[:2]  # also where the first attempt's answer was lost
        self.accepted.append(acceptance.payment)
        return True

    def wait_for(self, count: int, seconds: float = 60) -> None:
        """Wait until so many more payments are accepted."""
        wanted, end = len(self.accepted) + count, time.monotonic() + seconds
        while len(self.accepted) < wanted:
            assert time.monotonic() < end, "payments are not accepted any more"
            time.sleep(0.02)

    def end(self) -> None:
        self._ending.set()
        for each in self._threads:
            each.join(60)


def test_what_was_answered_is_on_the_standby_that_takes_over(
    own_postgresql: PostgreSQLServer,
) -> None:
    primary = own_postgresql
    with postgresql.new_server(primary) as standby:
        hosts = f"127.0.0.1:{primary.port},127.0.0.1:{standby.port}"
        url = f"postgresql://{SUPERUSER}:{PASSWORD.replace(' ', '%20')}@{hosts}/postgres"
        with closing(PostgreSQLStore.of(Settings(store=url))) as store:
            store.create_tables()
            primary.wait_for_standby()
            callers = Callers(store)
            try:
                callers.wait_for(100)
                primary.kill()
                time.sleep(0.5)
                standby.promote()
                callers.wait_for(100)
            finally:
                callers.end()
            found = store.get_payments([each.key for each in callers.accepted])
            assert found == {each.key: each for each in callers.accepted}
            assert callers.refusals > 0
            count = postgresql.run(standby.url, "SELECT count(*) FROM paymentapp.disbursements")
            assert count == [(len(callers.accepted),)]
            events = postgresql.run(standby.url, "SELECT count(*) FROM paymentapp.events")
            assert events == count
