"""The SQL statements; each write is one statement with its own condition."""

PINGS = (
    "SELECT 1 FROM Customers LIMIT 1",
    "SELECT 1 FROM Disbursements LIMIT 1",
    "SELECT 1 FROM Operations LIMIT 1",
)

ADD_CUSTOMER = """
INSERT INTO Customers (customer_id, document) VALUES (?, ?) ON CONFLICT DO NOTHING
"""
GET_CUSTOMER = "SELECT document FROM Customers WHERE customer_id = ?"
CHANGE_CUSTOMER = """
UPDATE Customers SET document = json_patch(document, ?)
WHERE customer_id = ? AND coalesce(json_extract(document, '$.revision'), '') = ?
"""
CHANGE_CUSTOMER_ATTRIBUTES = """
UPDATE Customers
SET document = json_set(json_patch(document, ?), '$.attributes', json(?))
WHERE customer_id = ? AND coalesce(json_extract(document, '$.revision'), '') = ?
"""
GET_CUSTOMER_REVISION = """
SELECT json_extract(document, '$.revision') FROM Customers WHERE customer_id = ?
"""
SCAN_CUSTOMERS = """
SELECT document FROM Customers WHERE customer_id > ? ORDER BY customer_id LIMIT ?
"""
CUSTOMERS_BY_EMAIL = """
SELECT document FROM Customers
WHERE json_extract(document, '$.email') = ? AND customer_id > ? ORDER BY customer_id LIMIT ?
"""

ADD_PAYMENT = """
INSERT INTO Disbursements (customer_id, payment_id, revision, due_shard, due_at, document)
VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING
"""
GET_PAYMENT = "SELECT document FROM Disbursements WHERE customer_id = ? AND payment_id = ?"
GET_PAYMENTS = """
SELECT document FROM json_each(?) AS wanted CROSS JOIN Disbursements
WHERE customer_id = json_extract(wanted.value, '$[0]')
AND payment_id = json_extract(wanted.value, '$[1]')
"""
GET_STATUSES = """
SELECT json_extract(document, '$.status') FROM json_each(?) AS wanted
CROSS JOIN Disbursements
WHERE customer_id = json_extract(wanted.value, '$[0]')
AND payment_id = json_extract(wanted.value, '$[1]')
"""
CHANGE_PAYMENT = """
UPDATE Disbursements
SET document = json_patch(document, ?), revision = ?, due_shard = ?, due_at = ?
WHERE customer_id = ? AND payment_id = ? AND revision = ?
"""
GET_PAYMENT_REVISION = "SELECT revision FROM Disbursements WHERE customer_id = ? AND payment_id = ?"
LIST_PAYMENTS = """
SELECT document FROM Disbursements
WHERE customer_id = ? AND payment_id >= ? AND payment_id <= ? AND payment_id < ?
ORDER BY payment_id DESC LIMIT ?
"""
DUE_PAYMENTS = """
SELECT document FROM Disbursements WHERE due_shard = ? AND due_at <= ? ORDER BY due_at LIMIT ?
"""
SCAN_PAYMENTS = """
SELECT document FROM Disbursements
WHERE (customer_id, payment_id) > (?, ?) AND +payment_id BETWEEN ? AND ?
ORDER BY customer_id, payment_id LIMIT ?
"""
AFTER_EVERY_ID = "~"

BATCHES_OF_REFERENCE = """
SELECT pk FROM Operations WHERE sk = 'header' AND json_extract(document, '$.reference') = ?
"""

ADD_RECORD = """
INSERT INTO Operations (pk, sk, revision, attention_shard, attention_at, expires_at, document)
VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING
"""
READ_FOR_PAYMENT = """
SELECT '', document FROM Customers WHERE customer_id = ?
UNION ALL SELECT pk, document FROM Operations WHERE pk IN (?, ?) AND sk = 'claim'
"""
GET_CUSTOMERS = """
SELECT document FROM json_each(?) AS wanted CROSS JOIN Customers WHERE customer_id = wanted.value
"""
GET_KEYS = """
SELECT pk, document FROM json_each(?) AS wanted CROSS JOIN Operations
WHERE pk = wanted.value AND sk = 'claim'
"""
PUT_RECORD = """
INSERT INTO Operations (pk, sk, expires_at, document) VALUES (?, ?, ?, ?)
ON CONFLICT (pk, sk) DO UPDATE
SET expires_at = excluded.expires_at, document = excluded.document
"""
DELETE_RECORD = "DELETE FROM Operations WHERE pk = ? AND sk = ? AND revision = ?"
ERASE_HOLD = """
UPDATE Operations SET document = json_set(document, '$.reason', '')
WHERE pk = ? AND sk = ? AND json_extract(document, '$.hold_id') = ?
"""
EXPIRED = "SELECT 1 FROM Operations WHERE expires_at < ? LIMIT 1"
DELETE_EXPIRED = """
DELETE FROM Operations
WHERE rowid IN (SELECT rowid FROM Operations WHERE expires_at < ? LIMIT ?)
"""
GET_RECORD = "SELECT document FROM Operations WHERE pk = ? AND sk = ?"
CHANGE_RECORD = """
UPDATE Operations
SET document = json_patch(document, ?), revision = ?, attention_shard = ?, attention_at = ?,
    expires_at = ?
WHERE pk = ? AND sk = ? AND coalesce(revision, '') = ?
"""
GET_RECORD_REVISION = "SELECT revision FROM Operations WHERE pk = ? AND sk = ?"
GET_RECORDS = "SELECT document FROM Operations WHERE pk = ? AND sk BETWEEN ? AND ? ORDER BY sk"
DELETE_RECORDS = "DELETE FROM Operations WHERE pk = ? AND sk BETWEEN ? AND ?"
GET_CHUNKS = """
SELECT sk, document FROM Operations WHERE pk = ? AND sk BETWEEN 'members#' AND 'members~'
"""
NEWEST_RECORDS = """
SELECT document FROM Operations WHERE pk = ? AND sk BETWEEN ? AND ? ORDER BY sk DESC LIMIT ?
"""
RECORDS_BEFORE = """
SELECT document FROM Operations WHERE pk = ? AND sk > ? AND sk < ? ORDER BY sk DESC LIMIT ?
"""

END_HOLD = """
DELETE FROM Operations
WHERE pk = 'hold' AND sk = ? AND json_extract(document, '$.hold_id') = ?
"""
ATTENTION = """
SELECT document FROM Operations
WHERE attention_shard = ? AND attention_at <= ? ORDER BY attention_at LIMIT ?
"""
SCAN_BATCHES = """
SELECT document FROM Operations
WHERE pk > ? AND pk < 'batch$' AND sk = 'header'
AND json_extract(document, '$.created_at') BETWEEN ? AND ?
ORDER BY pk LIMIT ?
"""
SCAN_EVENTS = """
SELECT document FROM Operations
WHERE pk > ? AND pk < 'event$' AND sk = 'event'
AND json_extract(document, '$.received_at') BETWEEN ? AND ?
ORDER BY pk LIMIT ?
"""
SCAN_CHUNK = 500

ADD_EVENT = """
INSERT INTO Operations (pk, sk, expires_at, document)
SELECT 'events', printf('%020d', max(?, 1 + coalesce(
    (SELECT sk FROM Operations WHERE pk = 'events' ORDER BY sk DESC LIMIT 1), 0
))), ?, ?
"""
LAST_EVENT = "SELECT max(sk) FROM Operations WHERE pk = 'events'"
PLACE_EVENT = """
INSERT INTO Operations (pk, sk, expires_at, document) VALUES ('events', ?, ?, ?)
"""
LIST_EVENTS = """
SELECT sk, document FROM Operations WHERE pk = 'events' AND sk > ? ORDER BY sk LIMIT ?
"""
HOLD_LEASE = """
INSERT INTO Operations (pk, sk, document) VALUES ('lease', ?, ?)
ON CONFLICT (pk, sk) DO UPDATE SET document = excluded.document
WHERE json_extract(Operations.document, '$.owner') = ?
OR json_extract(Operations.document, '$.until') <= ?
"""
