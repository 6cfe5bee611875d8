"""The bank's folders: listed, read, written to, and nothing more of a file system.

fsspec reaches them. What goes wrong is a FolderError, whose code is the error's own name: the text
of a library's error may hold a user, a path or worse.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from paymentapp.errors import Misconfigured, NotSent, ProviderError
from paymentapp.providers.ach.settings import FolderLocation

# By name, since the libraries that raise them are extras. PermissionError is the operating
# system's, and what s3fs makes of S3's AccessDenied.
_DENIED = {
    "PermissionError",
    "AuthenticationException",
    "BadAuthenticationType",
    "PasswordRequiredException",
    "BadHostKeyException",
    "UnknownHostKey",
    "NoCredentialsError",
    "PartialCredentialsError",
    "ImportError",
    "ModuleNotFoundError",
}
_NO_FOLDER = {"FileNotFoundError", "NotADirectoryError"}


class FolderError(Exception):
    """A folder did not do what it was asked, or did not say. `denied`: a person has to act."""

    def __init__(self, code: str, *, denied: bool = False, missing: bool = False) -> None:
        super().__init__(code)
        self.code = code
        self.denied = denied
        self.missing = missing


def not_sent(error: FolderError) -> ProviderError:
    """The error for a folder that was not reached, or did not take what does no harm."""
    if error.denied or error.missing:
        return Misconfigured(f"FOLDER_{error.code}", "the bank's folder")
    return NotSent(f"FOLDER_{error.code}", "the bank's folder")


class Session(Protocol):
    """A folder that is open. Names are those of files right in it."""

    renames: bool  # whether a file can be written under another name first

    def sizes(self) -> Mapping[str, int]:
        """The files in the folder, by name, with their sizes in bytes."""

    def read(self, name: str) -> bytes: ...

    def write(self, name: str, data: bytes) -> None:
        """Write a whole file, and return when it is as safe there as the folder can make it."""

    def rename(self, old: str, new: str) -> None:
        """In one step: at no time are both there, or neither."""

    def remove(self, name: str) -> None:
        """Raises FolderError, `missing` where it was not there."""

    def put_into(self, folder: str, name: str, new: str) -> None:
        """Rename a file into a folder below, which is made where there is none."""


class Folder(Protocol):
    """A place that can be opened, once for each piece of work."""

    def open(self) -> Any:
        """A context manager of a Session. Raises FolderError."""


class BankFolder:
    """A folder by its URL. Nothing is connected, and no library loaded, before it is opened."""

    def __init__(self, place: FolderLocation) -> None:
        self._place = place

    @contextmanager
    def open(self) -> Iterator[Session]:
        """A connection of its own for each piece of work: there are a few a day."""
        with _told():
            session = _OPENERS[self._place.scheme](self._place)
        try:
            yield session
        finally:
            session.close()


class _FsspecSession:
    """What all file systems do alike."""

    renames = True

    def __init__(self, fs: Any, root: str) -> None:
        self._fs = fs
        self._root = root.rstrip("/")

    def sizes(self) -> Mapping[str, int]:
        with _told():
            found = self._fs.ls(self._root, detail=True)
            return {
                str(each["name"]).rpartition("/")[2]: int(each["size"])
                for each in found
                if each["type"] == "file" and not str(each["name"]).endswith("/")
            }

    def read(self, name: str) -> bytes:
        with _told(), self._fs.open(self._path(name), "rb") as file:
            return bytes(file.read())

    def write(self, name: str, data: bytes) -> None:
        with _told(), self._fs.open(self._path(name), "wb") as file:
            file.write(data)
            file.flush()

    def rename(self, old: str, new: str) -> None:
        raise NotImplementedError

    def remove(self, name: str) -> None:
        with _told():
            self._fs.rm_file(self._path(name))

    def put_into(self, folder: str, name: str, new: str) -> None:
        with _told():
            self._fs.makedirs(self._path(folder), exist_ok=True)
        self.rename(name, f"{folder}/{new}")

    def close(self) -> None:
        pass

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"


class _LocalSession(_FsspecSession):
    """A folder of this machine, from which something else takes the files to the bank. What is
    written there survives a loss of power, as the store's own records do."""

    def __init__(self, place: FolderLocation) -> None:
        import fsspec  # type: ignore[import-untyped]

        super().__init__(fsspec.filesystem("file"), urlsplit(place.url).path)

    def write(self, name: str, data: bytes) -> None:
        with _told(), self._fs.open(self._path(name), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())

    def rename(self, old: str, new: str) -> None:
        """Not fsspec's, which copies where it cannot rename."""
        with _told():
            Path(self._path(old)).rename(self._path(new))
            self._sync()

    def _sync(self) -> None:
        folder = os.open(self._root, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


class _SftpSession(_FsspecSession):
    def __init__(self, place: FolderLocation) -> None:
        super().__init__(_sftp(place), urlsplit(place.url).path)

    def rename(self, old: str, new: str) -> None:
        """The protocol's own, which fails where `new` is there; fsspec's would replace it."""
        with _told():
            self._fs.ftp.rename(self._path(old), self._path(new))

    def remove(self, name: str) -> None:
        """One request: fsspec's asks first what kind of file it is."""
        with _told():
            self._fs.ftp.remove(self._path(name))

    def close(self) -> None:
        self._fs.client.close()


class _S3Session(_FsspecSession):
    """S3 has no renaming, and needs none: an object is there whole, or not at all."""

    renames = False

    def __init__(self, place: FolderLocation) -> None:
        parts = urlsplit(place.url)
        self._bucket = parts.hostname
        super().__init__(_s3(place), f"{parts.hostname}{parts.path}")

    def sizes(self) -> Mapping[str, int]:
        """S3 has no folders either: one with nothing in it is not there, but its bucket is."""
        try:
            return super().sizes()
        except FolderError as error:
            if not error.missing:
                raise
        with _told():
            self._fs.ls(self._bucket)
            return {}

    def write(self, name: str, data: bytes) -> None:
        with _told():
            self._fs.pipe_file(self._path(name), data)


def _sftp(place: FolderLocation) -> Any:
    """paramiko by fsspec, which knows only the bank's own host key: whoever else answers at the
    address is given nothing. (fsspec alone would trust the first key that it sees.)"""
    import paramiko  # type: ignore[import-untyped,import-not-found,unused-ignore]
    from fsspec.implementations.sftp import SFTPFileSystem  # type: ignore[import-untyped]

    class KnownHosts(SFTPFileSystem):  # type: ignore[misc]
        def _connect(self) -> None:
            self.client = paramiko.SSHClient()
            self.client.load_host_keys(place.known_hosts)
            self.client.set_missing_host_key_policy(_Unknown())
            self.client.connect(self.host, **self.ssh_kwargs)
            self.ftp = self.client.open_sftp()
            self.ftp.get_channel().settimeout(place.timeout)

    class _Unknown(paramiko.MissingHostKeyPolicy):  # type: ignore[misc,unused-ignore]
        def missing_host_key(self, client: Any, hostname: str, key: Any) -> None:  # noqa: ARG002
            raise UnknownHostKey

    parts = urlsplit(place.url)
    return KnownHosts(
        parts.hostname,
        port=parts.port or 22,
        username=parts.username,
        password=None if place.key_file else place.password or None,
        key_filename=place.key_file or None,
        passphrase=place.key_password or None,
        allow_agent=False,
        look_for_keys=False,
        timeout=place.timeout,
        banner_timeout=place.timeout,
        auth_timeout=place.timeout,
        skip_instance_cache=True,
    )


class UnknownHostKey(Exception):
    """The bank's address answers with a key that is not the bank's."""


def _s3(place: FolderLocation) -> Any:
    """s3fs with the machine's own AWS credentials. Nothing is tried twice behind our back: a bank
    may have taken the object between the tries."""
    import s3fs  # type: ignore[import-untyped,import-not-found,unused-ignore]

    fs = s3fs.S3FileSystem(
        use_listings_cache=False,
        skip_instance_cache=True,
        config_kwargs={
            "connect_timeout": place.timeout,
            "read_timeout": place.timeout,
            "retries": {"total_max_attempts": 1},
        },
    )
    fs.retries = 1
    return fs


_OPENERS: dict[str, Callable[[FolderLocation], Any]] = {
    "file": _LocalSession,
    "sftp": _SftpSession,
    "s3": _S3Session,
}


@contextmanager
def _told() -> Iterator[None]:
    """Whatever a library raises, as a FolderError."""
    try:
        yield
    except Exception as error:
        name = type(error).__name__
        missing = name in _NO_FOLDER
        raise FolderError(name, denied=name in _DENIED, missing=missing) from None
