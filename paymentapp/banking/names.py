"""Names as a bank takes them: transliterated to ASCII, and shortened."""

from __future__ import annotations

from paymentapp.banking.routing import HOLDER_LENGTH, BankDetailError, check_holder


def transliterated_name(name: str) -> str | None:
    """Return a name as an ACH entry can hold it, to be offered instead of one that it cannot hold.

    ASCII letters for all others, and as many whole words as fit in 22 characters. None where no
    name is left.

    >>> transliterated_name("José Ángel Fernández de la Vega")
    'Jose Angel Fernandez'
    """
    from anyascii import anyascii  # lazily, for Lambda cold starts

    words = [word for word in anyascii(name).split() if word.isprintable()]
    kept = " ".join(words[:1])[:HOLDER_LENGTH]
    for word in words[1:]:
        if len(kept) + 1 + len(word) > HOLDER_LENGTH:
            break
        kept = f"{kept} {word}"
    try:
        return check_holder(kept)
    except BankDetailError:
        return None
