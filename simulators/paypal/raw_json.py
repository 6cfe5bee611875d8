"""Members of a JSON text, byte for byte."""

from __future__ import annotations

import json
import re

_decoder = json.JSONDecoder()
_SPACE = re.compile(r"[ \t\n\r]*")


def raw_member(body: bytes, name: str) -> bytes:
    """Return the text of a member of a JSON object, with its whitespace.

    Of a name that occurs twice it is the last, as in most parsers. Raises ValueError where there is
    no such member.
    """
    text = body.decode()
    position = _skip(text, 0) + 1  # the opening brace
    found = None
    while text[position - 1] != "}":
        key, position = _decoder.raw_decode(text, _skip(text, position))
        start = _skip(text, _skip(text, position) + 1)  # beyond the colon
        _, end = _decoder.raw_decode(text, start)
        if key == name:
            found = text[start:end]
        position = _skip(text, end) + 1  # the comma, or the closing brace
    if found is None:
        raise ValueError(name)
    return found.encode()


def _skip(text: str, position: int) -> int:
    space = _SPACE.match(text, position)
    return space.end() if space else position
