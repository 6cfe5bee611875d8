"""A terminal for commands of this process: what they print, as a person would see it."""

from __future__ import annotations

import os
import pty
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from unittest.mock import patch

from paymentapp.cli import commands


class Terminal:
    """A terminal of some width; `text` is what was printed on it."""

    def __init__(self, columns: int = 80) -> None:
        self.columns = columns
        self._pieces: list[bytes] = []
        self._master, self._slave = pty.openpty()
        self._reader = threading.Thread(target=self._read, daemon=True)

    @property
    def text(self) -> str:
        """Return what was printed so far."""
        return b"".join(self._pieces).decode().replace("\r\n", "\n")

    @contextmanager
    def used(self) -> Iterator[None]:
        """Have both streams of this process go to the terminal."""
        self._reader.start()
        size = {"COLUMNS": str(self.columns), "TERM": "xterm"}
        try:
            with (
                patch.dict(os.environ, size),
                os.fdopen(os.dup(self._slave), "w", buffering=1) as out,
                os.fdopen(os.dup(self._slave), "w", buffering=1) as err,
                redirect_stdout(out),
                redirect_stderr(err),
            ):
                yield
        finally:
            os.close(self._slave)
            self._reader.join(10)
            os.close(self._master)

    def _read(self) -> None:
        while True:
            try:
                piece = os.read(self._master, 65_536)
            except OSError:  # as Linux says that nobody has the other end any more
                return
            if not piece:
                return
            self._pieces.append(piece)


def on_a_terminal(
    arguments: tuple[str, ...], environ: Mapping[str, str], columns: int = 80
) -> tuple[int, str]:
    """Run a command on a terminal; return its exit status and what it printed."""
    terminal, status = Terminal(columns), 0
    with patch.dict(os.environ, environ), terminal.used():
        try:
            commands.main(list(arguments), prog_name="paymentapp")
        except SystemExit as ended:
            status = int(ended.code or 0)
    return status, terminal.text


def too_wide(text: str, columns: int = 80) -> list[str]:
    """Return the lines of a text that do not fit."""
    return [line for line in text.splitlines() if len(line) > columns]
