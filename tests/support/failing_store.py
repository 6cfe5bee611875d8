"""A store in memory of which chosen calls fail once each."""

from __future__ import annotations

from tests.support.memory_store import MemoryStore


class FailingStore(MemoryStore):
    """Raise the planned error at the next call of a name, before the call has any effect."""

    def __init__(self) -> None:
        super().__init__()
        self.planned: dict[str, Exception] = {}
        self.failed: list[str] = []

    def _called(self, name: str) -> None:
        super()._called(name)
        error = self.planned.pop(name, None)
        if error is not None:
            self.failed.append(name)
            raise error
