"""What OpenACH says, in its own words, and what each of its errors means.

The words were seen with the open-source server (openach/openach at 8c3df40). Every answer is HTTP
200, so that they are all that tells one error from another.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum

from paymentapp.models.payments import Status

LARGEST = Decimal("99999999.99")  # payment_schedule_amount, pattern
LEAD = timedelta(days=3)  # of the nightly run: it dates entries, and looks, so far ahead
PICKED_UP_WITHIN = timedelta(days=60)  # from `next_date` to `end_date`
# An attempt to send it that is older may have met a nightly run. Where its profile is not found
# then, somebody may have deleted it, and its entry is paid all the same: an operator decides.
RESENT_WITHIN = timedelta(hours=12)
# Plan `armed`: the first date, and how long before it the last time to arm. A schedule that is
# saved after its run, three days ahead, is paid again. The others are for calls that are under way,
# and for a server with the date of another time zone.
ARMED_AHEAD = timedelta(days=7)
ARMED_UNTIL = timedelta(days=5)


class RawStatus(StrEnum):
    """What is known of a payment: OpenACH has no word for most of it."""

    SCHEDULED = "SCHEDULED"  # remaining 1: the nightly run has not made an entry of it
    ENTERED = "ENTERED"  # remaining -1: an entry was made, which is no proof of a file
    NOT_RETURNED_IN_TIME = "NOT_RETURNED_IN_TIME"  # entered, and the hold is over
    CONFIRMED = "CONFIRMED"  # an operator has recorded that it was paid
    RETURNED = "RETURNED"  # an operator has recorded a return, without its code
    MISSED = "MISSED"  # no nightly run has made an entry of it, and none will
    SUSPENDED = "SUSPENDED"  # profile, account or schedule is not enabled: no run takes it
    DELETED = "DELETED"  # its profile or schedule is not there any more; it may have been paid
    DIFFERS = "DIFFERS"  # what is there is not what was sent


# None: neither a success nor a failure. It is kept as it came, and an operator looks into it.
STATUS: Mapping[RawStatus, Status | None] = {
    RawStatus.SCHEDULED: Status.SUBMITTED,
    RawStatus.ENTERED: Status.SUBMITTED,
    RawStatus.NOT_RETURNED_IN_TIME: Status.SUCCEEDED,
    RawStatus.CONFIRMED: Status.SUCCEEDED,
    RawStatus.RETURNED: Status.RETURNED,
    RawStatus.MISSED: None,
    RawStatus.SUSPENDED: None,
    RawStatus.DELETED: None,
    RawStatus.DIFFERS: None,
}


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
    "unable to find the specified": OpenAchError.NOT_FOUND,
    # "... unable to find the requested action ..."
    "unable to find the requested action": OpenAchError.NO_SUCH_ACTION,
    "your request is invalid": OpenAchError.INVALID_REQUEST,
}
# Words of a database: whatever else the text says, it is no answer of the application's.
DATABASE_WORDS = ("sqlstate", "cdbcommand", "cdbexception", "database is locked", "pdoexception")
