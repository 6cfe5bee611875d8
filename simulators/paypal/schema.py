"""Tables of PayPal, in the simulators' one SQLite file."""

PAYPAL_SCHEMA = """
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value BLOB NOT NULL);

CREATE TABLE IF NOT EXISTS batches (
    id INTEGER PRIMARY KEY,
    payout_batch_id TEXT NOT NULL UNIQUE,
    sender_batch_id TEXT,
    header TEXT NOT NULL,
    currency TEXT NOT NULL,
    total_minor INTEGER NOT NULL,
    fees_minor INTEGER NOT NULL,
    item_count INTEGER NOT NULL,
    denied INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    processing_at INTEGER NOT NULL,
    settle_at INTEGER NOT NULL
);
-- Not unique: after 30 days the same id is a new batch.
CREATE INDEX IF NOT EXISTS batches_by_sender_batch_id ON batches (sender_batch_id);

CREATE TABLE IF NOT EXISTS items (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    batch INTEGER NOT NULL REFERENCES batches (id),
    payout_item_id TEXT NOT NULL UNIQUE,
    sender_item_id TEXT,
    recipient_type TEXT NOT NULL,
    receiver TEXT NOT NULL,
    value TEXT NOT NULL,
    minor INTEGER NOT NULL,
    fee_minor INTEGER NOT NULL,
    note TEXT,
    wallet TEXT NOT NULL,
    purpose TEXT,
    language TEXT,
    outcome TEXT NOT NULL,
    error TEXT,
    later_status TEXT,
    later_at INTEGER,
    settle_at INTEGER NOT NULL,
    cancelled_at INTEGER,
    transaction_id TEXT NOT NULL,
    activity_id TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS items_by_batch ON items (batch, seq);

CREATE TABLE IF NOT EXISTS tokens (token TEXT PRIMARY KEY, expires_at INTEGER NOT NULL);
"""
