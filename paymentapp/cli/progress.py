"""Progress of a command: a line on the terminal of standard error, there while the command works.

It is shown by rich once nothing was printed for a second, and taken away before anything is.
Elsewhere, as in a schedule whose output is mailed, nothing is shown.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from contextvars import ContextVar
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, TextIO, cast

if TYPE_CHECKING:
    from rich.progress import Progress

LIBRARY = "rich"  # of the extra `cli`
QUIET_SECONDS = 1.0  # without output, after which the line is shown
_CHECK_SECONDS = 0.1


class ProgressLine:
    """What a command does, and for how long: shown on a terminal while nothing is printed."""

    def __init__(self, terminal: TextIO, text: str) -> None:
        self._terminal = terminal
        self._text = text
        self._lock = threading.RLock()
        self._began_at = self._printed_at = time.monotonic()
        self._may_show = True  # not while a line of output is unfinished, such as a question
        self._shown: Progress | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="progress", daemon=True)

    def start(self) -> None:
        """Begin to watch for silence."""
        self._thread.start()

    def end(self) -> None:
        """Take the line away for good."""
        self._ended.set()
        with self._lock:
            self._hide()

    def say(self, text: str) -> None:
        """Show another text."""
        with self._lock:
            self._text = text
            if self._shown is not None:
                self._shown.update(self._shown.task_ids[0], description=text)

    @contextmanager
    def hidden(self, *, finishes_line: bool) -> Iterator[None]:
        """Keep the line away while something is printed, and until its line is finished."""
        with self._lock:
            self._hide()
            yield
            self._may_show = finishes_line
            self._printed_at = time.monotonic()

    def _watch(self) -> None:
        while not self._ended.wait(_CHECK_SECONDS):
            with self._lock:
                silent = time.monotonic() - self._printed_at > QUIET_SECONDS
                if silent and self._may_show and self._shown is None and not self._ended.is_set():
                    self._show()

    def _show(self) -> None:
        from rich.console import Console
        from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
        from rich.table import Column

        text = TextColumn(
            "{task.description}",
            markup=False,
            table_column=Column(no_wrap=True, overflow="ellipsis"),
        )
        self._shown = Progress(
            SpinnerColumn(),
            text,
            TimeElapsedColumn(),
            console=Console(file=self._terminal),
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        task = self._shown.add_task(self._text, total=None)
        self._shown.tasks[task].start_time = self._began_at
        self._shown.start()

    def _hide(self) -> None:
        if self._shown is not None:
            self._shown.stop()
            self._shown = None


class _Beside:
    """A stream on the terminal that has the line: it is taken away before anything is written."""

    def __init__(self, stream: TextIO, line: ProgressLine) -> None:
        self._stream = stream
        self._line = line

    def write(self, text: str) -> int:
        if text == "":  # as click does, to see what kind of stream it is; b"" is to raise
            return 0
        with self._line.hidden(finishes_line=text.endswith("\n")):
            return self._stream.write(text)

    def __getattr__(self, name: str) -> Any:
        if name == "buffer":  # whoever writes bytes gives no notice
            self._line.end()
        return getattr(self._stream, name)


_current: ContextVar[ProgressLine | None] = ContextVar("progress", default=None)


def current() -> ProgressLine | None:
    """Return the line of the command that runs; None where there is no terminal, or no rich."""
    return _current.get()


@contextmanager
def progress_line(text: str) -> Iterator[None]:
    """Show a text while the command works for long, on a terminal where rich is installed."""
    if not sys.stderr.isatty() or find_spec(LIBRARY) is None:
        yield
        return
    line = ProgressLine(sys.stderr, text)
    token = _current.set(line)
    with redirect_stderr(_beside(sys.stderr, line)), redirect_stdout(_beside(sys.stdout, line)):
        line.start()
        try:
            yield
        finally:
            line.end()
            _current.reset(token)


def _beside(stream: TextIO, line: ProgressLine) -> TextIO:
    return cast(TextIO, _Beside(stream, line)) if stream.isatty() else stream
