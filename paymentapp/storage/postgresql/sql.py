"""The SQL statements; each write is one statement with its own condition.

Tables are named with their schema, and texts are cast: no statement depends on the session.
"""

from __future__ import annotations

PING = """
SELECT (SELECT max(number) FROM paymentapp.migrations),
    EXISTS (SELECT FROM paymentapp.customers), EXISTS (SELECT FROM paymentapp.disbursements),
    EXISTS (SELECT FROM paymentapp.operations), EXISTS (SELECT FROM paymentapp.events)
"""

BEGIN = "BEGIN"
COMMIT = "COMMIT"
ROLLBACK = "ROLLBACK"
# A transaction that waits for a lock, or whose client has vanished, holds up nobody for long.
BOUNDED = """
SELECT set_config('lock_timeout', '5s', true), set_config('statement_timeout', '9s', true),
    set_config('idle_in_transaction_session_timeout', '10s', true)
"""

# Many values in one JSON parameter, as rows.
EVENT_FIELDS = "n integer, at timestamptz, expires_at timestamptz, event jsonb"
RECORD_FIELDS = (
    "pk text, sk text, revision text, attention_shard text, attention_at timestamptz, "
    "expires_at timestamptz, document jsonb"
)
# What is written with a row, if that is written: events, and other records.
_LISTED = f"""
    INSERT INTO paymentapp.events (at, expires_at, event)
    SELECT e.at, e.expires_at, e.event
    FROM jsonb_to_recordset(%(events)s::jsonb) AS e ({EVENT_FIELDS})
    WHERE EXISTS (SELECT FROM made)
"""
_ADDED = f"""
    INSERT INTO paymentapp.operations
        (pk, sk, revision, attention_shard, attention_at, expires_at, document)
    SELECT pk, sk, revision, attention_shard, attention_at, expires_at, document
    FROM jsonb_to_recordset(%(records)s::jsonb) AS r ({RECORD_FIELDS})
    WHERE EXISTS (SELECT FROM made)
    ON CONFLICT DO NOTHING
"""

# --- customers

CUSTOMER_COLUMNS = "customer_id, email, revision, created_at, document"
_ADD_CUSTOMER = """
INSERT INTO paymentapp.customers (customer_id, email, revision, created_at, document)
VALUES (%(customer_id)s, %(email)s, %(revision)s, %(created_at)s, %(document)s)
ON CONFLICT DO NOTHING RETURNING 1
"""
GET_CUSTOMER = f"""
SELECT {CUSTOMER_COLUMNS} FROM paymentapp.customers WHERE customer_id = %s
"""
GET_CUSTOMERS = f"""
SELECT {CUSTOMER_COLUMNS} FROM paymentapp.customers WHERE customer_id = ANY (%s::text[])
"""
_CHANGE_CUSTOMER = """
UPDATE paymentapp.customers
SET email = %(email)s, revision = %(revision)s,
    document = (document - %(removed)s::text[]) || %(changed)s::jsonb
WHERE customer_id = %(customer_id)s AND revision = %(old_revision)s RETURNING 1
"""
_WITH_HISTORY = f"""
WITH made AS ({{write}}), added AS ({_ADDED}), listed AS ({_LISTED}) SELECT 1 FROM made
"""
ADD_CUSTOMER = _WITH_HISTORY.format(write=_ADD_CUSTOMER)
CHANGE_CUSTOMER = _WITH_HISTORY.format(write=_CHANGE_CUSTOMER)
SCAN_CUSTOMERS = f"""
SELECT {CUSTOMER_COLUMNS} FROM paymentapp.customers
WHERE customer_id > %s ORDER BY customer_id LIMIT %s
"""
CUSTOMERS_BY_EMAIL = f"""
SELECT {CUSTOMER_COLUMNS} FROM paymentapp.customers
WHERE email = %s AND customer_id > %s ORDER BY customer_id LIMIT %s
"""

# --- disbursements

PAYMENT_COLUMNS = (
    "customer_id, payment_id, revision, status, amount, currency, payment_method, email, "
    "created_by, reference, bulk_id, batch_id, provider_item_id, transaction_id, due_shard, "
    "due_at, document"
)
GET_PAYMENT = f"""
SELECT {PAYMENT_COLUMNS} FROM paymentapp.disbursements WHERE customer_id = %s AND payment_id = %s
"""
GET_PAYMENTS = f"""
SELECT {PAYMENT_COLUMNS} FROM unnest(%s::text[], %s::text[]) AS wanted (customer, payment)
JOIN paymentapp.disbursements ON customer_id = wanted.customer AND payment_id = wanted.payment
"""
COUNT_BY_STATUS = """
SELECT status, count(*)
FROM unnest(%s::text[], %s::text[]) AS wanted (customer, payment)
JOIN paymentapp.disbursements ON customer_id = wanted.customer AND payment_id = wanted.payment
GROUP BY status
"""
LIST_PAYMENTS = f"""
SELECT {PAYMENT_COLUMNS} FROM paymentapp.disbursements
WHERE customer_id = %s AND payment_id >= %s AND payment_id <= %s AND payment_id < %s
ORDER BY payment_id DESC LIMIT %s
"""
DUE_PAYMENTS = f"""
SELECT {PAYMENT_COLUMNS} FROM paymentapp.disbursements
WHERE due_shard = %s AND due_at <= %s ORDER BY due_at LIMIT %s
"""
SCAN_PAYMENTS = f"""
SELECT {PAYMENT_COLUMNS} FROM paymentapp.disbursements
WHERE (payment_id, customer_id) > (%s, %s) AND payment_id >= %s AND payment_id <= %s
ORDER BY payment_id, customer_id LIMIT %s
"""
AFTER_EVERY_ID = "~"
FOREVER = "infinity"

# Changes of payments, each by its number `n`; the answer has the numbers of those that were made.
CHANGE_PAYMENTS = f"""
WITH wanted AS (
    SELECT * FROM jsonb_to_recordset(%s::jsonb) AS w (
        n integer, customer_id text, payment_id text, old_revision text, revision text,
        status text, payment_method text, email text, created_by text, reference text,
        bulk_id text, batch_id text, provider_item_id text, transaction_id text,
        due_shard integer, due_at timestamptz, changed jsonb, removed text[]
    )
), made AS (
    UPDATE paymentapp.disbursements AS d
    SET revision = w.revision, status = w.status, payment_method = w.payment_method,
        email = w.email, created_by = w.created_by, reference = w.reference, bulk_id = w.bulk_id,
        batch_id = w.batch_id, provider_item_id = w.provider_item_id,
        transaction_id = w.transaction_id, due_shard = w.due_shard, due_at = w.due_at,
        document = (d.document - w.removed) || w.changed
    FROM wanted AS w
    WHERE d.customer_id = w.customer_id AND d.payment_id = w.payment_id
    AND d.revision = w.old_revision
    RETURNING w.n
), listed AS (
    INSERT INTO paymentapp.events (at, expires_at, event)
    SELECT e.at, e.expires_at, e.event
    FROM jsonb_to_recordset(%s::jsonb) AS e ({EVENT_FIELDS}) JOIN made USING (n)
)
SELECT n FROM made
"""
PAYMENT_REVISIONS = """
SELECT customer_id, payment_id, revision
FROM unnest(%s::text[], %s::text[]) AS wanted (customer, payment)
JOIN paymentapp.disbursements ON customer_id = wanted.customer AND payment_id = wanted.payment
"""

# --- acceptance: the key's record is bound by one of two statements, or is bound already

_BIND_NEW = """
    INSERT INTO paymentapp.operations (pk, sk, revision, expires_at, document)
    VALUES (%(pk)s, 'claim', %(claim_revision)s, %(claim_expires_at)s, %(claim)s::jsonb)
    ON CONFLICT DO NOTHING RETURNING 1
"""
_BIND_AGAIN = """
    UPDATE paymentapp.operations
    SET revision = %(claim_revision)s, expires_at = %(claim_expires_at)s,
        document = (document - %(claim_removed)s::text[]) || %(claim)s::jsonb
    WHERE pk = %(pk)s AND sk = 'claim' AND revision = %(claim_replaces)s RETURNING 1
"""
_BOUND_ALREADY = "SELECT 1"
_ACCEPT = f"""
WITH bound AS ({{bind}}),
made AS (
    INSERT INTO paymentapp.disbursements ({PAYMENT_COLUMNS})
    SELECT %(customer_id)s::text, %(payment_id)s::text, %(revision)s::text, %(status)s::text,
        %(amount)s::numeric, %(currency)s::text, %(payment_method)s::text, %(email)s::text,
        %(created_by)s::text, %(reference)s::text, %(bulk_id)s::text, %(batch_id)s::text,
        %(provider_item_id)s::text, %(transaction_id)s::text, %(due_shard)s::integer,
        %(due_at)s::timestamptz, %(document)s::jsonb
    WHERE EXISTS (SELECT FROM bound)
    ON CONFLICT DO NOTHING RETURNING 1
), listed AS ({_LISTED})
SELECT EXISTS (SELECT FROM bound), EXISTS (SELECT FROM made)
"""
ACCEPT_WITH_NEW_KEY = _ACCEPT.format(bind=_BIND_NEW)
ACCEPT_WITH_KEY_AGAIN = _ACCEPT.format(bind=_BIND_AGAIN)
ACCEPT = _ACCEPT.format(bind=_BOUND_ALREADY)
READ_FOR_PAYMENT = """
SELECT '', email, revision, created_at, NULL, document
FROM paymentapp.customers WHERE customer_id = %s
UNION ALL SELECT pk, NULL, revision, NULL, expires_at, document
FROM paymentapp.operations WHERE pk = ANY (%s::text[]) AND sk = 'claim'
"""

# --- the other records

RECORD_COLUMNS = "revision, attention_shard, attention_at, expires_at, document"
_ADD_RECORD = """
    INSERT INTO paymentapp.operations
        (pk, sk, revision, attention_shard, attention_at, expires_at, document)
    VALUES (%(pk)s, %(sk)s, %(revision)s, %(attention_shard)s, %(attention_at)s, %(expires_at)s,
        %(document)s::jsonb)
    ON CONFLICT DO NOTHING RETURNING 1
"""
_CHANGE_RECORD = """
    UPDATE paymentapp.operations
    SET revision = %(revision)s, attention_shard = %(attention_shard)s,
        attention_at = %(attention_at)s, expires_at = %(expires_at)s,
        document = (document - %(removed)s::text[]) || %(changed)s::jsonb
    WHERE pk = %(pk)s AND sk = %(sk)s AND coalesce(revision, '') = %(old_revision)s RETURNING 1
"""
_WITH_EVENTS = f"WITH made AS ({{write}}), listed AS ({_LISTED}) SELECT 1 FROM made"
ADD_RECORD = _ADD_RECORD
CHANGE_RECORD = _CHANGE_RECORD
ADD_RECORD_WITH_EVENTS = _WITH_EVENTS.format(write=_ADD_RECORD)
CHANGE_RECORD_WITH_EVENTS = _WITH_EVENTS.format(write=_CHANGE_RECORD)
GET_RECORD = f"SELECT {RECORD_COLUMNS} FROM paymentapp.operations WHERE pk = %s AND sk = %s"
GET_RECORDS = f"""
SELECT {RECORD_COLUMNS} FROM paymentapp.operations
WHERE pk = %s AND sk >= %s AND sk <= %s ORDER BY sk
"""
RECORDS_BEFORE = f"""
SELECT {RECORD_COLUMNS} FROM paymentapp.operations
WHERE pk = %s AND sk > %s AND sk < %s ORDER BY sk DESC LIMIT %s
"""
ATTENTION = f"""
SELECT {RECORD_COLUMNS} FROM paymentapp.operations
WHERE attention_shard = %s AND attention_at <= %s ORDER BY attention_at LIMIT %s::bigint
"""
# Of the records below a prefix those with a sort key, and a time in the document.
SCAN_RECORDS = f"""
SELECT {RECORD_COLUMNS} FROM paymentapp.operations
WHERE pk > %s AND pk < %s AND sk = %s AND (document ->> %s::text) COLLATE "C" BETWEEN %s AND %s
ORDER BY pk LIMIT %s
"""
SCAN_CHUNK = 500
BATCHES_OF_REFERENCE = """
SELECT pk FROM paymentapp.operations
WHERE sk = 'header' AND document ->> 'reference' IS NOT NULL AND document ->> 'reference' = %s
"""
# Many records in one statement, each by its own condition: absence, or none at all.
_ADD_RECORDS = f"""
INSERT INTO paymentapp.operations
    (pk, sk, revision, attention_shard, attention_at, expires_at, document)
SELECT pk, sk, revision, attention_shard, attention_at, expires_at, document
FROM jsonb_to_recordset(%s::jsonb) AS r ({RECORD_FIELDS}) ORDER BY pk, sk
"""
ADD_RECORDS = f"{_ADD_RECORDS} ON CONFLICT DO NOTHING"
# A group of records of one partition: all of them, or none where the one with a sort key is there.
ADD_GROUP = f"""
WITH wanted AS (
    SELECT * FROM jsonb_to_recordset(%s::jsonb) AS r ({RECORD_FIELDS})
), head AS (
    INSERT INTO paymentapp.operations
        (pk, sk, revision, attention_shard, attention_at, expires_at, document)
    SELECT pk, sk, revision, attention_shard, attention_at, expires_at, document
    FROM wanted WHERE sk = %s ON CONFLICT DO NOTHING RETURNING pk, sk
), others AS (
    INSERT INTO paymentapp.operations
        (pk, sk, revision, attention_shard, attention_at, expires_at, document)
    SELECT w.pk, w.sk, w.revision, w.attention_shard, w.attention_at, w.expires_at, w.document
    FROM wanted AS w JOIN head ON w.pk = head.pk AND w.sk <> head.sk
)
SELECT 1 FROM head
"""
PUT_RECORDS = f"""{_ADD_RECORDS} ON CONFLICT (pk, sk) DO UPDATE
SET revision = excluded.revision, expires_at = excluded.expires_at, document = excluded.document
"""
RECORDS_OF_KEYS = """
SELECT o.pk, o.sk, o.document
FROM paymentapp.operations AS o JOIN unnest(%s::text[], %s::text[]) AS wanted (pk, sk)
    ON o.pk = wanted.pk AND o.sk = wanted.sk
"""
LOCK_RECORDS = f"{RECORDS_OF_KEYS} ORDER BY o.pk, o.sk FOR UPDATE OF o"
DELETE_GROUP = "DELETE FROM paymentapp.operations WHERE pk = %s AND sk >= %s AND sk <= %s"
DELETE_RECORD = "DELETE FROM paymentapp.operations WHERE pk = %s AND sk = %s AND revision = %s"
GET_CHUNKS = f"""
SELECT sk, {RECORD_COLUMNS} FROM paymentapp.operations
WHERE pk = %s AND sk >= 'members#' AND sk <= 'members~'
"""
HOLD_LEASE = """
INSERT INTO paymentapp.operations AS o (pk, sk, document)
VALUES ('lease', %(name)s, %(document)s::jsonb)
ON CONFLICT (pk, sk) DO UPDATE SET document = excluded.document
WHERE o.document ->> 'owner' = %(owner)s OR (o.document ->> 'until') COLLATE "C" <= %(now)s
RETURNING 1
"""
ERASE_HOLD = """
UPDATE paymentapp.operations SET document = document || '{"reason": ""}'
WHERE ((pk = 'hold' AND sk = %(target)s) OR (pk = 'released-hold' AND sk = %(hold_id)s))
AND document ->> 'hold_id' = %(hold_id)s
"""
# The record of a release stays the first one; the hold ends, and its event is listed, once.
RELEASE_HOLD = f"""
WITH kept AS (
    INSERT INTO paymentapp.operations (pk, sk, document)
    VALUES ('released-hold', %(hold_id)s, %(document)s::jsonb) ON CONFLICT DO NOTHING
), made AS (
    DELETE FROM paymentapp.operations
    WHERE pk = 'hold' AND sk = %(target)s AND document ->> 'hold_id' = %(hold_id)s RETURNING 1
), listed AS ({_LISTED})
SELECT 1 FROM made
"""
# Rows that another process deletes meanwhile are left to it.
DELETE_EXPIRED_RECORDS = """
DELETE FROM paymentapp.operations WHERE (pk, sk) IN (
    SELECT pk, sk FROM paymentapp.operations WHERE expires_at < %s
    ORDER BY expires_at LIMIT %s FOR UPDATE SKIP LOCKED
)
"""
DELETE_EXPIRED_EVENTS = """
DELETE FROM paymentapp.events WHERE number IN (
    SELECT number FROM paymentapp.events WHERE expires_at < %s AND position IS NOT NULL
    ORDER BY expires_at LIMIT %s FOR UPDATE SKIP LOCKED
)
"""

# --- events

ADD_EVENTS = f"""
INSERT INTO paymentapp.events (at, expires_at, event)
SELECT e.at, e.expires_at, e.event FROM jsonb_to_recordset(%s::jsonb) AS e ({EVENT_FIELDS})
"""
# With a row more, of nothing, where there are events that are not listed yet.
LIST_EVENTS = """
(SELECT position, event FROM paymentapp.events WHERE position > %s ORDER BY position LIMIT %s)
UNION ALL SELECT NULL, NULL WHERE EXISTS (SELECT FROM paymentapp.events WHERE position IS NULL)
"""
UNLISTED_EVENTS = "SELECT EXISTS (SELECT FROM paymentapp.events WHERE position IS NULL)"
GET_EVENT = "SELECT event FROM paymentapp.events WHERE position = %s"
LOCK_LIST = "SELECT last_position FROM paymentapp.event_list FOR UPDATE"
# An event's position is the microsecond at which it took place, or the next one that is free: the
# n-th one comes n after the latest of those before it, each reduced by its own number.
PUBLISH_EVENTS = """
WITH waiting AS (
    SELECT number, greatest((extract(epoch FROM at) * 1000000)::bigint,
        (SELECT last_position + 1 FROM paymentapp.event_list)) AS moment
    FROM paymentapp.events WHERE position IS NULL ORDER BY number LIMIT %s
), numbered AS (
    SELECT number, moment, row_number() OVER (ORDER BY number) AS n FROM waiting
), placed AS (
    SELECT number, n + max(moment - n) OVER (ORDER BY n) AS position FROM numbered
), listed AS (
    UPDATE paymentapp.events AS e SET position = placed.position
    FROM placed WHERE e.number = placed.number RETURNING e.position
), moved AS (
    UPDATE paymentapp.event_list SET last_position = (SELECT max(position) FROM listed)
    WHERE EXISTS (SELECT FROM listed)
)
SELECT count(*) FROM listed
"""
