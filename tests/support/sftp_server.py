"""A bank's SFTP server for tests: paramiko's, over a local folder."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import paramiko  # type: ignore[import-untyped,import-not-found,unused-ignore]

USER, PASSWORD = "company", "of-the-tests"


class _Door(paramiko.ServerInterface):  # type: ignore[misc,unused-ignore]
    def check_auth_password(self, username: str, password: str) -> int:
        fine = (username, password) == (USER, PASSWORD)
        return int(paramiko.AUTH_SUCCESSFUL if fine else paramiko.AUTH_FAILED)

    def get_allowed_auths(self, username: str) -> str:  # noqa: ARG002
        return "password"

    def check_channel_request(self, kind: str, chanid: int) -> int:  # noqa: ARG002
        return int(paramiko.OPEN_SUCCEEDED)


class _Handle(paramiko.SFTPHandle):  # type: ignore[misc,unused-ignore]
    def stat(self) -> Any:
        return paramiko.SFTPAttributes.from_stat(os.fstat(self.readfile.fileno()))


class _Files(paramiko.SFTPServerInterface):  # type: ignore[misc,unused-ignore]
    """The operations that a bank's folder offers."""

    root: Path

    def list_folder(self, path: str) -> Any:
        return self._tried(
            lambda: [
                paramiko.SFTPAttributes.from_stat(each.stat(), each.name)
                for each in self._real(path).iterdir()
            ]
        )

    def stat(self, path: str) -> Any:
        return self._tried(lambda: paramiko.SFTPAttributes.from_stat(self._real(path).stat()))

    lstat = stat

    def open(self, path: str, flags: int, attr: Any) -> Any:  # noqa: ARG002
        def opened() -> Any:
            mode = "r+b" if flags & (os.O_WRONLY | os.O_RDWR) else "rb"
            file = os.fdopen(os.open(self._real(path), flags, 0o600), mode)
            handle = _Handle(flags)
            handle.readfile = handle.writefile = file
            return handle

        return self._tried(opened)

    def rename(self, oldpath: str, newpath: str) -> Any:
        """Rename as version 3 of the protocol does: fail if the new name exists."""
        if self._real(newpath).exists():
            return paramiko.SFTP_FAILURE
        return self._tried(lambda: self._done(os.rename, oldpath, newpath))

    def remove(self, path: str) -> Any:
        return self._tried(lambda: self._done(os.remove, path))

    def mkdir(self, path: str, attr: Any) -> Any:  # noqa: ARG002
        return self._tried(lambda: self._done(os.mkdir, path))

    def _real(self, path: str) -> Path:
        return self.root / path.lstrip("/")

    def _done(self, act: Callable[..., None], *paths: str) -> Any:
        act(*map(self._real, paths))
        return paramiko.SFTP_OK

    def _tried(self, act: Any) -> Any:
        try:
            return act()
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno or 0)


def new_host_key() -> str:
    """Return a new host key in the form of a known-hosts file."""
    key = paramiko.ECDSAKey.generate()
    return f"{key.get_name()} {key.get_base64()}"


@contextmanager
def sftp_server(root: Path) -> Iterator[tuple[int, str]]:
    """Serve a folder on loopback; yields the port and a line for a known-hosts file."""
    key = paramiko.ECDSAKey.generate()
    files = type("Files", (_Files,), {"root": root})
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    open_transports: list[Any] = []

    def serve() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                transport = paramiko.Transport(connection)
                transport.add_server_key(key)
                transport.set_subsystem_handler("sftp", paramiko.SFTPServer, files)
                open_transports.append(transport)
                with suppress(paramiko.SSHException, EOFError):
                    transport.start_server(server=_Door())

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield port, f"[127.0.0.1]:{port} {key.get_name()} {key.get_base64()}\n"
    finally:
        listener.close()
        for transport in open_transports:
            transport.close()
