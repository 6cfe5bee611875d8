"""Sessions of the console as records of the Operations table."""

from __future__ import annotations

from paymentapp.clock import from_text, maybe_text, maybe_time, to_text
from paymentapp.models.console_sessions import ConsoleSession
from paymentapp.storage.codec.records import Record, reads, without_none

SESSION_SORT = "session"


def session_partition(secret_hash: str) -> str:
    """Return the partition key of a session's record."""
    return f"console-session#{secret_hash}"


def session_record(session: ConsoleSession) -> Record:
    """Return a session as a record; a store deletes it by its `expires_at`, in epoch seconds."""
    return without_none(
        {
            "secret_hash": session.secret_hash,
            "csrf_token": session.csrf_token,
            "name": session.name,
            "created_at": to_text(session.created_at),
            "last_used_at": to_text(session.last_used_at),
            "valid_until": to_text(session.expires_at),
            "expires_at": int(session.expires_at.timestamp()),
            "key_id": session.key_id,
            "identities": sorted(session.identities) or None,
            "scopes": sorted(session.scopes) or None,
            "ended_at": maybe_text(session.ended_at),
            "revision": session.revision,
            "authority": session.authority or None,
        }
    )


@reads
def read_session(record: Record) -> ConsoleSession:
    """Return the session of a record."""
    return ConsoleSession(
        record["secret_hash"],
        record["csrf_token"],
        record["name"],
        from_text(record["created_at"]),
        from_text(record["last_used_at"]),
        from_text(record["valid_until"]),
        record.get("key_id"),
        frozenset(record.get("identities", ())),
        frozenset(record.get("scopes", ())),
        maybe_time(record.get("ended_at")),
        record["revision"],
        record.get("authority", ""),
    )
