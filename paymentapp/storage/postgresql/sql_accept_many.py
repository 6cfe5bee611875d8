"""The SQL statements that accept many payments at once."""

from __future__ import annotations

from paymentapp.storage.postgresql import sql

READ = f"""
SELECT '', {sql.CUSTOMER_COLUMNS}, NULL
FROM paymentapp.customers WHERE customer_id = ANY (%s::text[])
UNION ALL SELECT pk, NULL, NULL, revision, NULL, document, expires_at
FROM paymentapp.operations WHERE pk = ANY (%s::text[]) AND sk = 'claim'
"""
# Keys first, in one order; then the payments whose keys are bound by this statement, likewise. The
# revisions tell them from others of the same call that have the same key or id.
ACCEPT_MANY = f"""
WITH wanted_keys AS (
    SELECT * FROM jsonb_to_recordset(%(keys)s::jsonb) AS k ({sql.RECORD_FIELDS})
), wanted AS (
    SELECT * FROM jsonb_to_recordset(%(payments)s::jsonb) AS w (
        n integer, key_revision text, customer_id text, payment_id text, revision text,
        status text, amount numeric, currency text, payment_method text, email text,
        created_by text, reference text, bulk_id text, batch_id text, provider_item_id text,
        transaction_id text, due_shard integer, due_at timestamptz, document jsonb
    )
), bound AS (
    INSERT INTO paymentapp.operations (pk, sk, revision, expires_at, document)
    SELECT pk, sk, revision, expires_at, document FROM wanted_keys ORDER BY pk
    ON CONFLICT DO NOTHING RETURNING revision
), made AS (
    INSERT INTO paymentapp.disbursements ({sql.PAYMENT_COLUMNS})
    SELECT {", ".join(f"w.{name}" for name in sql.PAYMENT_COLUMNS.split(", "))}
    FROM wanted AS w JOIN bound ON bound.revision = w.key_revision
    ORDER BY w.customer_id, w.payment_id
    ON CONFLICT DO NOTHING RETURNING revision
), numbered AS (
    SELECT w.n FROM wanted AS w JOIN made ON made.revision = w.revision
), listed AS (
    INSERT INTO paymentapp.events (at, expires_at, event)
    SELECT e.at, e.expires_at, e.event
    FROM jsonb_to_recordset(%(events)s::jsonb) AS e ({sql.EVENT_FIELDS}) JOIN numbered USING (n)
    ORDER BY e.n
)
SELECT n FROM numbered
"""
