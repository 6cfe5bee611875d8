"""A store in memory of which chosen calls fail once each."""

from __future__ import annotations

import threading

from tests.support.memory_store import MemoryStore


class FailingStore(MemoryStore):
    """Raise the planned error at the next call of a name, before the call has any effect.

    An error is planned for a call of any thread ("get_batch"), or of the threads of one loop
    ("poller get_batch").
    """

    def __init__(self) -> None:
        super().__init__()
        self.planned: dict[str, Exception] = {}
        self.failed: list[str] = []
        self.by_loop: set[str] = set()  # every call so far, as "poller get_batch"

    def _called(self, name: str) -> None:
        super()._called(name)
        loop = threading.current_thread().name.partition("-")[0]
        self.by_loop.add(f"{loop} {name}")
        for call in (name, f"{loop} {name}"):
            error = self.planned.pop(call, None)
            if error is not None:
                self.failed.append(call)
                raise error
