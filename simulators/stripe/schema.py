"""Tables of Stripe, in the simulators' one SQLite file."""

STRIPE_SCHEMA = """
-- Moved money, in order: one row for each transfer, reversal or payout.
CREATE TABLE IF NOT EXISTS stripe_moves (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    account TEXT NOT NULL,
    destination TEXT NOT NULL,
    transfer TEXT,
    amount INTEGER NOT NULL,
    currency TEXT NOT NULL,
    transfer_group TEXT,
    description TEXT,
    metadata TEXT NOT NULL,
    method TEXT,
    statement_descriptor TEXT,
    idempotency_key TEXT,
    created_at INTEGER NOT NULL,
    transit_at INTEGER,
    settle_at INTEGER,
    failed_at INTEGER,
    failure_code TEXT,
    canceled_at INTEGER,
    arrival_at INTEGER,
    source_type TEXT
);
CREATE INDEX IF NOT EXISTS stripe_moves_by_transfer ON stripe_moves (transfer);
CREATE INDEX IF NOT EXISTS stripe_moves_by_group ON stripe_moves (transfer_group);
CREATE INDEX IF NOT EXISTS stripe_moves_by_destination ON stripe_moves (destination, currency);
CREATE INDEX IF NOT EXISTS stripe_moves_by_account ON stripe_moves (account, kind, currency);

CREATE TABLE IF NOT EXISTS stripe_keys (
    account TEXT NOT NULL,
    key TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    params TEXT NOT NULL,
    status INTEGER NOT NULL,
    body BLOB NOT NULL,
    request_id TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (account, key)
);

-- Events that happened, and those that will; without data, the object is shown as it stands then.
CREATE TABLE IF NOT EXISTS stripe_events (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    type TEXT NOT NULL,
    account TEXT,
    subject TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    data TEXT,
    previous TEXT,
    request_id TEXT,
    idempotency_key TEXT
);
CREATE INDEX IF NOT EXISTS stripe_events_by_subject ON stripe_events (subject, created_at);
CREATE INDEX IF NOT EXISTS stripe_events_by_time ON stripe_events (created_at, seq);
"""
