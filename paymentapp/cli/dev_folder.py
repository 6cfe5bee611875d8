"""What `run --dev` keeps in `var`: the settings for a second shell, and the simulators' port."""

from __future__ import annotations

import os
import shlex
import socket
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from pathlib import Path

from paymentapp.declarations import groups

VAR = Path("var")
SECOND_SHELL = VAR / "dev.env"
SIMULATED = "PAYMENTAPP_SIMULATOR_SETTINGS"  # names of the settings that point to simulators
_LEFT_OUT = {"PAYMENTAPP_AUTH"}  # off for this service alone
_HEAD = (
    "# The settings of the service that `paymentapp run --dev` serves now, for a second shell:",
    "#   . var/dev.env",
    "# Secrets of accounts that are not simulated are left out.",
)


def kept_port(file: Path) -> int:
    """Return the port in a file if it is free, else 0, with which the system chooses one."""
    try:
        port = int(file.read_text())
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
    except (OSError, ValueError, OverflowError):
        return 0
    return port


def second_shell(
    environ: Mapping[str, str], simulated: Mapping[str, str], store: str
) -> dict[str, str]:
    """Return the settings with which commands in another shell and folder reach the same things.

    `simulated` are settings of simulators, which are no secrets.
    """
    declared = [variable for group in groups() for variable in group.variables]
    names = {each.name for each in declared if not each.secret} - _LEFT_OUT
    own = {name: value for name, value in environ.items() if name in names}
    marked = {SIMULATED: ",".join(sorted(simulated))} if simulated else {}
    return {**own, **simulated, **marked, "PAYMENTAPP_STORE": _absolute(store)}


def forget_simulators(environ: MutableMapping[str, str]) -> None:
    """Remove the settings of a service's simulators, where the shell has read its file.

    They would look like an account that somebody has named.
    """
    for name in environ.pop(SIMULATED, "").split(","):
        environ.pop(name, None)


def _absolute(store: str) -> str:
    scheme, found, path = store.partition(":///")
    return f"{scheme}:///{Path(path).absolute()}" if found else store


@contextmanager
def written(settings: Mapping[str, str], file: Path = SECOND_SHELL) -> Iterator[None]:
    """Keep settings in a file for shells to read, which only this user may read.

    It is removed at the end, unless another service has written its own meanwhile.
    """
    lines = [f"export {name}={shlex.quote(value)}" for name, value in sorted(settings.items())]
    text = "\n".join((*_HEAD, f"# Process {os.getpid()}.", *lines, ""))
    file.parent.mkdir(parents=True, exist_ok=True)
    file.unlink(missing_ok=True)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as handle:
        handle.write(text)
    try:
        yield
    finally:
        if file.exists() and file.read_text() == text:
            file.unlink()
