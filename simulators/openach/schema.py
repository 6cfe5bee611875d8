"""Tables of OpenACH, in the simulators' one SQLite file; a record is its fields as JSON."""

OPENACH_SCHEMA = """
CREATE TABLE IF NOT EXISTS openach_profiles (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    external_id TEXT NOT NULL UNIQUE,
    record TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS openach_accounts (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    profile TEXT NOT NULL,
    record TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS openach_accounts_by_profile ON openach_accounts (profile);
CREATE TABLE IF NOT EXISTS openach_schedules (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    account TEXT NOT NULL,
    record TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS openach_schedules_by_account ON openach_schedules (account);
-- What nightly runs have made; it stays, whatever becomes of the records above.
CREATE TABLE IF NOT EXISTS openach_entries (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    schedule TEXT NOT NULL,
    external_id TEXT NOT NULL,
    account TEXT NOT NULL,
    amount TEXT NOT NULL,
    direction TEXT NOT NULL,
    entry_date TEXT NOT NULL,
    filed INTEGER NOT NULL,
    return_code TEXT
);
CREATE TABLE IF NOT EXISTS openach_sessions (
    id TEXT PRIMARY KEY,
    used_at INTEGER NOT NULL
);
"""
