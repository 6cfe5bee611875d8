"""Where a folder of the bank's is, and the credentials for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from paymentapp.variables import Unfit, VariableKind, without_user

_SCHEMES = {"file", "sftp", "s3"}
_FOLDER = "file:///folder, sftp://user@host/folder or s3://bucket/folder"


@dataclass(frozen=True, slots=True)
class FolderLocation:
    """A folder of the bank: its URL, without a password, and the credentials."""

    url: str
    timeout: int  # seconds, of connecting and of each answer
    password: str = field(default="", repr=False)
    key_file: str = ""
    key_password: str = field(default="", repr=False)
    known_hosts: str = ""

    @property
    def scheme(self) -> str:
        """Return the scheme of the URL: file, sftp or s3."""
        return urlsplit(self.url).scheme

    @property
    def shown(self) -> str:
        """Return the URL for logs and people: without the user's name."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.hostname or ''}{parts.path}"


def folder(password: str, *, optional: bool = False) -> VariableKind[str]:
    """Return the kind of a folder's URL; `password` names the variable that has its password."""

    def read(value: str) -> str:
        if not value and optional:
            return value
        parts = urlsplit(value)
        if parts.password is not None:  # logs name the URL
            raise Unfit(f"must not hold a password: {password} does")
        if parts.scheme not in _SCHEMES or parts.query or parts.fragment:
            raise ValueError
        if parts.scheme == "file" and (parts.netloc or len(parts.path) < 2):
            raise Unfit("must be file:///folder")
        remote = parts.hostname and (parts.scheme == "s3" or parts.username)
        if parts.scheme != "file" and not remote:
            raise ValueError
        return value

    return VariableKind(read, _FOLDER, without_user)
