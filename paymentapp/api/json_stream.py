"""The members of one long list in a JSON body, decoded one by one while the body comes."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator
from typing import Any

from paymentapp.api.json import BadJSON, decode_first

MEMBER_MAX = 64 * 1024  # characters; as much as the body of a single request has
_SPACE = " \t\n\r"


def list_members(pieces: Iterable[bytes], name: str) -> Iterator[Any]:
    """Yield the members of the list that is the only member of an object, as `decode` reads them.

    Holds one piece and one member. Raises BadJSON.
    """
    text = _Text(pieces)
    text.expect("{")
    text.expect(f'"{name}"')
    text.expect(":")
    text.expect("[")
    if text.next_is("]"):
        text.expect("]")
    else:
        yield text.value()
        while text.next_is(","):
            text.expect(",")
            yield text.value()
        text.expect("]")
    text.expect("}")
    if not text.is_at_end():
        raise BadJSON("The body has more after its object.")


class _Text:
    """The text of a body, of which a part has come."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._text = ""
        self._at = 0
        self._ended = False

    def expect(self, token: str) -> None:
        """Pass a token, after white space. Raises BadJSON."""
        self._skip_space()
        while len(self._text) - self._at < len(token) and self._more():
            pass
        if not self._text.startswith(token, self._at):
            raise BadJSON(f"The body is not JSON as it should be: {token} is missing.")
        self._at += len(token)

    def next_is(self, token: str) -> bool:
        """Return whether a character follows, after white space."""
        self._skip_space()
        return self._text.startswith(token, self._at)

    def value(self) -> Any:
        """Pass a value, and return it. Raises BadJSON."""
        self._skip_space()
        while True:
            try:
                found, self._at = decode_first(self._text, self._at)
            except BadJSON:
                too_long = len(self._text) - self._at > MEMBER_MAX
                if too_long or not self._more():
                    raise
            else:
                return found

    def is_at_end(self) -> bool:
        """Return whether nothing but white space is left."""
        self._skip_space()
        return self._at == len(self._text)

    def _skip_space(self) -> None:
        while True:
            while self._at < len(self._text) and self._text[self._at] in _SPACE:
                self._at += 1
            if self._at < len(self._text) or not self._more():
                return

    def _more(self) -> bool:
        """Read another piece; return whether there was one. Raises BadJSON."""
        piece = next(self._pieces, None)
        if piece is None and self._ended:
            return False
        self._ended = piece is None
        try:
            text = self._decoder.decode(piece or b"", final=self._ended)
        except UnicodeDecodeError as error:
            raise BadJSON("The body is not UTF-8.") from error
        self._text = self._text[self._at :] + text
        self._at = 0
        return not self._ended
