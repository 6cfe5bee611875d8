"""A bank's folder with faults: a call may fail, or take effect late or without an answer."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, TypeVar

from paymentapp.providers.bank_mail.folders import FolderError
from tests.faults.simulation import faults
from tests.faults.simulation.scheduler import HOUR, MILLISECOND, MINUTE, SECOND, current_task
from tests.faults.simulation.trace import batch_in

if TYPE_CHECKING:
    from tests.faults.simulation.process import Process
    from tests.faults.simulation.world import World

Result = TypeVar("Result")
_ATTEMPT = re.compile(r"(\.\d+)?\.part$")  # what the name of a file has until it is whole
OPEN_RATE = 0.05
READ_RATE = 0.04
WRITE_RATE = 0.25
_PATIENCE = 30 * SECOND  # of the library
_BEFORE: Mapping[str, FolderError] = {
    faults.FOLDER_REFUSED: FolderError("ConnectionRefusedError"),
    faults.FOLDER_DENIED: FolderError("PermissionError", denied=True),
    faults.FOLDER_FAILS: FolderError("OSError"),
}


class Files(dict[str, bytes]):
    """The files in a folder and its subfolders, by name."""

    def __init__(self, renames: bool, on_name: Callable[[str], None]) -> None:
        """`on_name` is called with each new name that the company gives a file."""
        super().__init__()
        self.renames = renames
        self.on_name = on_name
        self.contents: dict[str, bytes] = {}  # of the first attempt to upload each file

    def put(self, name: str, data: bytes) -> None:
        self[name] = data
        self.on_name(name)

    def rename(self, old: str, new: str) -> None:
        """Rename as SFTP does: fail where `new` exists."""
        if old not in self:
            raise FolderError("FileNotFoundError", missing=True)
        if new in self:
            raise FolderError("OSError")
        self.put(new, self.pop(old))

    def remove(self, name: str) -> None:
        if self.pop(name, None) is None:
            raise FolderError("FileNotFoundError", missing=True)


class SimulatedFolder:
    """A process's access to a folder, and its own session."""

    def __init__(self, world: World, process: Process, files: Files) -> None:
        self.world = world
        self.process = process
        self.files = files
        self.renames = files.renames

    @contextmanager
    def open(self) -> Iterator[SimulatedFolder]:
        self._call("open", "", faults.FOLDER_OPENS, OPEN_RATE, lambda: None)
        yield self

    def sizes(self) -> Mapping[str, int]:
        return self._call(
            "list",
            "",
            faults.FOLDER_READS,
            READ_RATE,
            lambda: {name: len(data) for name, data in self.files.items() if "/" not in name},
        )

    def read(self, name: str, most: int) -> bytes:
        def read() -> bytes:
            if name not in self.files:
                raise FolderError("FileNotFoundError", missing=True)
            return self.files[name][: most + 1]

        return self._call("read", name, faults.FOLDER_READS, READ_RATE, read)

    def write(self, name: str, data: bytes) -> None:
        """Write; if it is cut off, half a file is left where files appear before they are whole."""
        self._check_content(name, data)
        whole = self.files.renames
        menu = faults.UPLOADS if whole else faults.FOLDER_WRITES
        self._call("upload", name, menu, WRITE_RATE, lambda: self.files.put(name, data), data)

    def _check_content(self, name: str, data: bytes) -> None:
        """Check that each attempt to upload a file has the same content: it is made once."""
        whole = _ATTEMPT.sub("", name.removeprefix("."))
        if self.files.contents.setdefault(whole, data) != data:
            words = f"{whole} is uploaded with another content than before"
            self.world.findings.fail("file twice", words, None)

    def rename(self, old: str, new: str) -> None:
        self._change("rename", new, lambda: self.files.rename(old, new))

    def remove(self, name: str) -> None:
        self._change("remove", name, lambda: self.files.remove(name))

    def put_into(self, folder: str, name: str, new: str) -> None:
        self._change("put_into", name, lambda: self.files.rename(name, f"{folder}/{new}"))

    def _change(self, call: str, name: str, effect: Callable[[], None]) -> None:
        self._call(call, name, faults.FOLDER_WRITES, WRITE_RATE, effect)

    def _call(
        self,
        call: str,
        name: str,
        menu: tuple[str, ...],
        rate: float,
        effect: Callable[[], Result],
        data: bytes = b"",
    ) -> Result:
        world, process = self.world, self.process
        fault = self._begin(call, name, menu, rate)
        if fault == faults.CRASH_BEFORE:
            process.die()
        if fault is not None and fault in _BEFORE:
            raise _BEFORE[fault]
        if fault == faults.FOLDER_LATE:
            late = world.draw(2 * HOUR if world.chance(0.2) else 10 * MINUTE)
            world.in_transit(late, lambda: self._quietly(call, name, effect))
            raise FolderError("TimeoutError")
        if fault in (faults.UPLOAD_CUT, faults.UPLOAD_CUT_CRASH):
            self.files[name] = data[: world.draw(len(data))]
            if fault == faults.UPLOAD_CUT_CRASH:
                process.die()
            raise FolderError("ConnectionResetError")
        result = effect()
        if fault == faults.FOLDER_LOST:
            raise FolderError("ConnectionResetError")
        if fault == faults.CRASH_AFTER:
            process.die()
        process.wait(world.draw(200 * MILLISECOND))
        return result

    def _begin(self, call: str, name: str, menu: tuple[str, ...], rate: float) -> str | None:
        """Let time pass and other tasks run; return the fault that follows."""
        world, process = self.world, self.process
        task = current_task()
        subject = task.subject = batch_in(name) or task.subject
        if call in world.fault_plan.traps:
            world.fault_plan.trigger(call, process)
        forced = call == "upload" and isinstance(subject, str) and world.doomed(subject, "submit")
        fault = world.faults.draw(menu, rate, forced)
        if world.provider_is_down():
            fault = faults.FOLDER_REFUSED if call == "open" else faults.FOLDER_FAILS
            world.touch_task(task, faults.DOWN)
        elif fault is not None:
            world.touch_task(task, fault)
        if fault == faults.SLOW_PROVIDER:
            process.wait(MINUTE + world.draw(4 * MINUTE))
        elif fault == faults.FOLDER_LATE:
            process.wait(_PATIENCE)
        else:
            process.wait(20 * MILLISECOND + world.draw(500 * MILLISECOND))
        world.note(process, call, subject, (name, fault) if fault else name)
        return fault

    def _quietly(self, call: str, name: str, effect: Callable[[], object]) -> None:
        self.world.note(None, f"{call}, late", batch_in(name), name)
        with suppress(FolderError):
            effect()
