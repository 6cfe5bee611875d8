"""What OpenACH says, in its own words, and what each of its errors means.

The words were seen with the open-source server (openach/openach at 8c3df40). Every answer is HTTP
200, so that they are all that tells one error from another.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class OpenAchError(StrEnum):
    """Kinds of errors; these names alone are logged, shown and stored."""

    NOT_CONNECTED = "NOT_CONNECTED"  # nothing was done: connect, and make the same call again
    BAD_CREDENTIALS = "BAD_CREDENTIALS"
    NOT_FOUND = "NOT_FOUND"  # no proof that nothing is under way
    # Refused as a duplicate: no proof that the first one is ours, or whole. Look it up.
    ALREADY_EXISTS = "ALREADY_EXISTS"
    REFUSED_FIELDS = "REFUSED_FIELDS"  # nothing was done, if a look-up finds nothing either
    INVALID_REQUEST = "INVALID_REQUEST"  # a parameter is missing: an error of ours
    NO_SUCH_ACTION = "NO_SUCH_ACTION"  # the server is another one than the settings say
    UNKNOWN = "UNKNOWN"  # an exception, often with SQL in it: it may have been acted on


# Beginnings and parts of texts, in lower case; the first that is found counts.
ERROR_TEXTS: Mapping[str, OpenAchError] = {
    # "Not authenticated with token/key. Please connect first."
    "please connect first": OpenAchError.NOT_CONNECTED,
    # "Unable to connect with the specified api token/key."
    "unable to connect with the specified": OpenAchError.BAD_CREDENTIALS,
    # "A payment profile with that external id already exists."
    # "An account with that routing and account number already exists for this payment profile."
    "already exists": OpenAchError.ALREADY_EXISTS,
    # Yii's validator of unique values: "... has already been taken."
    "has already been taken": OpenAchError.ALREADY_EXISTS,
    # "Unable to find the specified payment profile."
    "unable to find the specified payment profile": OpenAchError.NOT_FOUND,
    # "... unable to find the requested action ..."
    "unable to find the requested action": OpenAchError.NO_SUCH_ACTION,
    "your request is invalid": OpenAchError.INVALID_REQUEST,
}
# Words of a database: whatever else the text says, it is no answer of the application's.
DATABASE_WORDS = ("sqlstate", "cdbcommand", "cdbexception", "database is locked", "pdoexception")
