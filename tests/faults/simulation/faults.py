"""The faults: which there are, how often they happen, and whom they affected."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Final

THROTTLED: Final = "store throttled"
CRASH_BEFORE: Final = "crash before the call"
CRASH_AFTER: Final = "crash after the call"
CRASH: Final = "crash elsewhere in the process"
STALLED: Final = "process stalled for minutes"
SLOW: Final = "store slow beyond a lease"
UNAVAILABLE_AFTER: Final = "write done, store says unavailable"
REPEATED: Final = "write done, answer lost, repeated by the client library"
LANDS_LATE: Final = "write times out and lands later"
CUT: Final = "write of many cut, some done"
CUT_CRASH: Final = "crash within a write of many"
STALE: Final = "stale index"
ANSWER_LOST: Final = "answer to the client lost"

READS: Final = (THROTTLED,) * 30 + (CRASH_BEFORE, SLOW)
SQLITE_WRITES: Final = (
    *(THROTTLED,) * 18,
    *(UNAVAILABLE_AFTER,) * 18,
    *(CRASH_BEFORE, CRASH_AFTER, *(SLOW,) * 6),
)
DYNAMODB_WRITES: Final = (
    *(THROTTLED,) * 10,
    *(UNAVAILABLE_AFTER,) * 12,
    *(REPEATED,) * 15,
    *(LANDS_LATE,) * 10,
    *(CRASH_BEFORE, CRASH_AFTER, *(SLOW,) * 6),
)
DYNAMODB_MANY: Final = (*DYNAMODB_WRITES, *(CUT,) * 40, CUT_CRASH)
# PostgreSQL makes any number of changes in one statement. One whose connection is lost is made
# again, and one that was given up may still be under way to the server, or wait there for a lock.
WRITES: Final = {
    "sqlite": SQLITE_WRITES,
    "dynamodb": DYNAMODB_WRITES,
    "postgresql": DYNAMODB_WRITES,
}
WRITES_OF_MANY: Final = {**WRITES, "dynamodb": DYNAMODB_MANY}

NOT_SENT: Final = "provider not reached"
BUSY: Final = "provider answers 429"
TOKEN: Final = "provider refuses the token"
ERROR_BEFORE: Final = "provider answers 5xx, did nothing"
ERROR_AFTER: Final = "provider answers 5xx, acted"
TIMEOUT_BEFORE: Final = "provider times out, did nothing"
TIMEOUT_AFTER: Final = "provider times out, acted"
ACTS_LATE: Final = "provider times out, acts minutes later"
GARBAGE_BEFORE: Final = "provider answers garbage, did nothing"
GARBAGE_AFTER: Final = "provider answers garbage, acted"
SLOW_PROVIDER: Final = "provider slow beyond a lease"
OWN_CODE_BEFORE: Final = "our provider code fails before the call"
OWN_CODE_AFTER: Final = "our provider code fails after the call"
DOWN: Final = "provider down"
NO_FUNDS: Final = "no funds"
REFUSED: Final = "provider refuses the content"

SUBMITS: Final = (
    *(NOT_SENT, BUSY, TOKEN, ERROR_BEFORE, TIMEOUT_BEFORE, GARBAGE_BEFORE, OWN_CODE_BEFORE),
    *(ERROR_AFTER, TIMEOUT_AFTER, TIMEOUT_AFTER, GARBAGE_AFTER, OWN_CODE_AFTER),
    *(ACTS_LATE, ACTS_LATE, SLOW_PROVIDER, SLOW_PROVIDER, CRASH_BEFORE, CRASH_AFTER),
)
FETCHES: Final = (NOT_SENT, BUSY, TOKEN, ERROR_BEFORE, TIMEOUT_BEFORE, GARBAGE_BEFORE, CRASH_BEFORE)
CANCELS: Final = (*FETCHES, ERROR_AFTER, TIMEOUT_AFTER, GARBAGE_AFTER, CRASH_AFTER)

FOLDER_REFUSED: Final = "bank's folder not reached"
FOLDER_DENIED: Final = "bank's folder denied"
FOLDER_FAILS: Final = "bank's folder fails, did nothing"
FOLDER_LOST: Final = "bank's folder did it, answer lost"
FOLDER_LATE: Final = "bank's folder fails, does it later"
UPLOAD_CUT: Final = "upload cut off half-way"
UPLOAD_CUT_CRASH: Final = "crash half-way through an upload"

FOLDER_OPENS: Final = (FOLDER_REFUSED, FOLDER_REFUSED, FOLDER_DENIED, SLOW_PROVIDER, CRASH_BEFORE)
FOLDER_READS: Final = (*(FOLDER_FAILS,) * 6, SLOW_PROVIDER, CRASH_BEFORE)
FOLDER_WRITES: Final = (
    *(FOLDER_FAILS, FOLDER_LOST, FOLDER_LOST, FOLDER_LATE, FOLDER_LATE),
    *(SLOW_PROVIDER, CRASH_BEFORE, CRASH_AFTER),
)
UPLOADS: Final = (*FOLDER_WRITES, UPLOAD_CUT, UPLOAD_CUT, UPLOAD_CUT_CRASH)

KEPT_BEFORE: Final = "provider answers 500 and keeps it, did nothing"
KEPT_AFTER: Final = "provider answers 500 and keeps it, acted"
KEY_IN_USE: Final = "provider says that the key is in use"

POSTS: Final = (
    *(NOT_SENT, BUSY, TOKEN, ERROR_BEFORE, TIMEOUT_BEFORE, GARBAGE_BEFORE, KEY_IN_USE),
    *(KEPT_BEFORE, KEPT_BEFORE, KEPT_AFTER, KEPT_AFTER, TIMEOUT_AFTER, TIMEOUT_AFTER),
    *(GARBAGE_AFTER, ACTS_LATE, ACTS_LATE, SLOW_PROVIDER, CRASH_BEFORE, CRASH_AFTER),
)
GETS: Final = (NOT_SENT, BUSY, ERROR_BEFORE, TIMEOUT_BEFORE, GARBAGE_BEFORE, CRASH_BEFORE)

RECEIVER_FAILS: Final = "receiver answers 500, stored nothing"
RECEIVER_STORED: Final = "receiver answers 500, stored it"
RECEIVER_HANGS: Final = "receiver hangs, stored nothing"
RECEIVER_LATE: Final = "receiver hangs, stored it"
RECEIVER_DROPS: Final = "receiver stored it, answer lost"
RECEIVER_DOWN: Final = "receiver down"
RECEIVER_FORGETS: Final = "receiver restarts empty"
RECEIVER_GONE: Final = "receiver answers 410"

WEBHOOKS: Final = (
    *(RECEIVER_FAILS, RECEIVER_STORED, RECEIVER_HANGS, RECEIVER_LATE, RECEIVER_DROPS) * 5,
    *(CRASH_BEFORE, CRASH_BEFORE, CRASH_AFTER, CRASH_AFTER, RECEIVER_GONE),
)


class Faults:
    """Draws faults, and counts them."""

    def __init__(self, rng: Random, intensity: float) -> None:
        self.on = True
        self.counts: Counter[str] = Counter()
        self._random = rng.random
        self._intensity = intensity

    def draw(self, menu: tuple[str, ...], rate: float, forced: bool) -> str | None:
        """Return a fault from the menu, or None.

        A forced one always happens, even after the others have ended, and then does not kill.
        """
        if not self.on:
            return menu[0] if forced else None
        if forced or self._random() < rate * self._intensity:
            return menu[int(self._random() * len(menu))]
        return None
