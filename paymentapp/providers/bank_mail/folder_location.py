"""Where a folder of the bank's is, and the credentials for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit


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
