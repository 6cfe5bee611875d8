"""What tells a file of ours from every other one: the time at which it was made, and a modifier."""

from __future__ import annotations

import json
from datetime import datetime
from typing import NamedTuple

from paymentapp.errors import NotSent
from paymentapp.models.provider_state import ProviderState, update_state_entry
from paymentapp.providers.ach.schedule import local

MODIFIERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


class FileIdentity(NamedTuple):
    """What identifies a file of ours: the time, in New York, and the modifier."""

    made_at: datetime
    modifier: str


def next_identity(state: ProviderState, origin: str, now: datetime) -> FileIdentity:
    """Return a creation time and file id modifier that no other file of the origin has.

    There are 36 modifiers. After 36 files of a day they begin with A again; the time of creation
    then makes the difference (Appendix Three, File Creation Time), so a minute has 36 files at
    most. Raises NotSent where this minute has had them.
    """
    made_at = local(now)
    minute = f"{made_at:%H%M}"

    def one_more(text: str) -> str:
        count, minutes = json.loads(text)
        if minutes[:1] == [minute] and len(minutes) == len(MODIFIERS):
            raise NotSent("TOO_MANY_FILES", "36 in a minute", 60 - made_at.second)
        return json.dumps([count + 1, [*minutes, minute][-len(MODIFIERS) :]])

    entry = update_state_entry(state, f"ach/day/{origin}/{made_at:%Y%m%d}", "[0,[]]", one_more)
    before = json.loads(entry.text)[0] - 1
    return FileIdentity(made_at, MODIFIERS[before % len(MODIFIERS)])
