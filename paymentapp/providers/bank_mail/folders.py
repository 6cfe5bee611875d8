"""The bank's folders, by fsspec: list, read, write, rename, remove.

Every error is a FolderError, whose code is the name of the library's error. Its text is dropped: it
may hold a user, a path or a secret.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from paymentapp.errors import Misconfigured, NotSent, ProviderError
from paymentapp.providers.bank_mail.folder_location import FolderLocation

# By name, since the libraries that raise them are extras. PermissionError is the operating
# system's, and what s3fs raises for S3's AccessDenied.
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
    """An operation on a folder failed, or its outcome is unknown.

    `denied`: an operator has to act. `missing`: the file or folder does not exist.
    """

    def __init__(self, code: str, *, denied: bool = False, missing: bool = False) -> None:
        super().__init__(code)
        self.code = code
        self.denied = denied
        self.missing = missing


def not_sent(error: FolderError) -> ProviderError:
    """Return the provider's error for a folder operation after which nothing was sent."""
    if error.denied or error.missing:
        return Misconfigured(f"FOLDER_{error.code}", "the bank's folder")
    return NotSent(f"FOLDER_{error.code}", "the bank's folder")


class Session(Protocol):
    """An open folder. Names are those of files directly in it."""

    renames: bool  # whether files can be renamed, so that a file appears whole

    def sizes(self) -> Mapping[str, int]:
        """Return the files in the folder, by name, with their sizes in bytes."""

    def read(self, name: str, most: int) -> bytes:
        """Return the content of a file; of a larger one, its first `most` bytes and one more."""

    def write(self, name: str, data: bytes) -> None:
        """Write a whole file; return when it is as durable as the folder can make it."""

    def rename(self, old: str, new: str) -> None:
        """Rename a file atomically: at no time are both names there, or neither."""

    def remove(self, name: str) -> None:
        """Remove a file. Raises FolderError, `missing` where it was not there."""

    def put_into(self, folder: str, name: str, new: str) -> None:
        """Rename a file into a subfolder, which is made where there is none."""


class Folder(Protocol):
    """A folder that can be opened, once for each piece of work."""

    def open(self) -> Any:
        """Return a context manager of a Session. Raises FolderError."""


class BankFolder:
    """A folder by its URL. Libraries are loaded and connections made when it is opened."""

    def __init__(self, place: FolderLocation) -> None:
        self._place = place

    @contextmanager
    def open(self) -> Iterator[Session]:
        """Open a connection for one piece of work; there are only a few a day."""
        with _folder_errors():
            session = _OPENERS[self._place.scheme](self._place)
        try:
            yield session
        finally:
            session.close()


class _FsspecSession:
    """The operations that are the same for all file systems."""

    renames = True

    def __init__(self, fs: Any, root: str) -> None:
        self._fs = fs
        self._root = root.rstrip("/")

    def sizes(self) -> Mapping[str, int]:
        with _folder_errors():
            found = self._fs.ls(self._root, detail=True)
            return {
                str(each["name"]).rpartition("/")[2]: int(each["size"])
                for each in found
                if each["type"] == "file" and not str(each["name"]).endswith("/")
            }

    def read(self, name: str, most: int) -> bytes:
        with _folder_errors(), self._fs.open(self._path(name), "rb") as file:
            return bytes(file.read(most + 1))

    def write(self, name: str, data: bytes) -> None:
        with _folder_errors(), self._fs.open(self._path(name), "wb") as file:
            file.write(data)
            file.flush()

    def rename(self, old: str, new: str) -> None:
        """Rename a file: each kind of folder in its own way, as fsspec copies where it cannot."""
        raise NotImplementedError

    def remove(self, name: str) -> None:
        with _folder_errors():
            self._fs.rm_file(self._path(name))

    def put_into(self, folder: str, name: str, new: str) -> None:
        with _folder_errors():
            self._fs.makedirs(self._path(folder), exist_ok=True)
        self.rename(name, f"{folder}/{new}")

    def close(self) -> None:
        pass

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"


class _LocalSession(_FsspecSession):
    """A folder of this machine, from which another program takes the files to the bank.

    Files are synced to disk, as the store's own records are.
    """

    def __init__(self, place: FolderLocation) -> None:
        import fsspec  # type: ignore[import-untyped]

        super().__init__(fsspec.filesystem("file"), urlsplit(place.url).path)

    def write(self, name: str, data: bytes) -> None:
        """Write a file that only the service's own user may read: it holds account numbers."""
        with _folder_errors(), open(self._path(name), "wb", opener=_private) as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())

    def put_into(self, folder: str, name: str, new: str) -> None:
        with _folder_errors():
            Path(self._path(folder)).mkdir(mode=0o700, exist_ok=True)
        self.rename(name, f"{folder}/{new}")

    def rename(self, old: str, new: str) -> None:
        """Rename by the operating system; fsspec copies where it cannot rename."""
        with _folder_errors():
            Path(self._path(old)).rename(self._path(new))
            self._sync()

    def _sync(self) -> None:
        folder = os.open(self._root, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, mode=0o600)


class _SftpSession(_FsspecSession):
    def __init__(self, place: FolderLocation) -> None:
        super().__init__(_sftp(place), urlsplit(place.url).path)

    def rename(self, old: str, new: str) -> None:
        """Rename by the protocol, which fails where `new` exists; fsspec would replace it."""
        with _folder_errors():
            self._fs.ftp.rename(self._path(old), self._path(new))

    def remove(self, name: str) -> None:
        """Remove in one request; fsspec makes two."""
        with _folder_errors():
            self._fs.ftp.remove(self._path(name))

    def close(self) -> None:
        self._fs.client.close()


class _S3Session(_FsspecSession):
    """A prefix of a bucket. S3 cannot rename, and need not: an object appears whole."""

    renames = False

    def __init__(self, place: FolderLocation) -> None:
        parts = urlsplit(place.url)
        self._bucket = parts.hostname
        super().__init__(_s3(place), f"{parts.hostname}{parts.path}")

    def sizes(self) -> Mapping[str, int]:
        """List the objects; a prefix without objects is empty if its bucket exists."""
        try:
            return super().sizes()
        except FolderError as error:
            if not error.missing:
                raise
        with _folder_errors():
            self._fs.ls(self._bucket)
            return {}

    def write(self, name: str, data: bytes) -> None:
        with _folder_errors():
            self._fs.pipe_file(self._path(name), data)


def _sftp(place: FolderLocation) -> Any:
    """Connect by paramiko, which accepts only the bank's own host key.

    fsspec by itself would trust the first key that it sees.
    """
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
    """The server's host key is not the bank's."""


def _s3(place: FolderLocation) -> Any:
    """Open S3 by s3fs with the machine's AWS credentials.

    Every retry of the libraries is off: the bank may take an object between two attempts.
    """
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
def _folder_errors() -> Iterator[None]:
    """Raise a FolderError for whatever a library raises."""
    try:
        yield
    except Exception as error:
        name = type(error).__name__
        missing = name in _NO_FOLDER
        raise FolderError(name, denied=name in _DENIED, missing=missing) from None
