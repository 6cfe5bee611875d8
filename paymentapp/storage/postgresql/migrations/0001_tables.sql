-- Customers, disbursements, the other records, and the list of events.
--
-- Keys are compared by their bytes (COLLATE "C"): an ISO 8601 time sorts as the time does, and an
-- index outlives an upgrade of the system's locales. The partial indexes hold only what needs an
-- action, or has the value that they are for.

CREATE TABLE paymentapp.customers (
    customer_id text COLLATE "C" PRIMARY KEY,
    email text COLLATE "C",
    revision text COLLATE "C" NOT NULL,
    created_at timestamptz NOT NULL,
    document jsonb NOT NULL
);
CREATE INDEX customer_email ON paymentapp.customers (email, customer_id) WHERE email IS NOT NULL;

CREATE TABLE paymentapp.disbursements (
    customer_id text COLLATE "C" NOT NULL,
    payment_id text COLLATE "C" NOT NULL,
    revision text COLLATE "C" NOT NULL,
    status text COLLATE "C" NOT NULL,
    amount numeric NOT NULL,
    currency text COLLATE "C" NOT NULL,
    payment_method text COLLATE "C" NOT NULL,
    email text COLLATE "C" NOT NULL,
    created_by text COLLATE "C",
    reference text COLLATE "C",
    bulk_id text COLLATE "C",
    batch_id text COLLATE "C",
    provider_item_id text COLLATE "C",
    transaction_id text COLLATE "C",
    due_shard integer NOT NULL,
    due_at timestamptz,
    document jsonb NOT NULL,
    PRIMARY KEY (customer_id, payment_id)
);
CREATE INDEX payment_newest ON paymentapp.disbursements (payment_id, customer_id);
CREATE INDEX payment_due ON paymentapp.disbursements (due_shard, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX payment_open ON paymentapp.disbursements (status, payment_id, customer_id)
    WHERE status IN ('awaiting_approval', 'pending', 'submitting', 'submitted', 'unclaimed');
CREATE INDEX payment_maker ON paymentapp.disbursements (created_by, payment_id, customer_id)
    WHERE created_by IS NOT NULL;
CREATE INDEX payment_reference ON paymentapp.disbursements (reference, payment_id, customer_id)
    WHERE reference IS NOT NULL;
CREATE INDEX payment_bulk ON paymentapp.disbursements (bulk_id, payment_id, customer_id)
    WHERE bulk_id IS NOT NULL;
CREATE INDEX payment_batch ON paymentapp.disbursements (batch_id) WHERE batch_id IS NOT NULL;
CREATE INDEX payment_item ON paymentapp.disbursements (provider_item_id)
    WHERE provider_item_id IS NOT NULL;
CREATE INDEX payment_transaction ON paymentapp.disbursements (transaction_id)
    WHERE transaction_id IS NOT NULL;

CREATE TABLE paymentapp.operations (
    pk text COLLATE "C" NOT NULL,
    sk text COLLATE "C" NOT NULL,
    revision text COLLATE "C",
    attention_shard text COLLATE "C",
    attention_at timestamptz,
    expires_at timestamptz,
    document jsonb NOT NULL,
    PRIMARY KEY (pk, sk)
);
CREATE INDEX operation_attention ON paymentapp.operations (attention_shard, attention_at)
    WHERE attention_at IS NOT NULL;
CREATE INDEX operation_expiry ON paymentapp.operations (expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX batch_reference ON paymentapp.operations ((document ->> 'reference'))
    WHERE sk = 'header' AND document ->> 'reference' IS NOT NULL;

-- An event is written by the transaction of what it is about, without a position. Positions are
-- given afterwards, to what is committed, by one transaction at a time: so no event ever appears
-- before one that was listed earlier, and no writer waits for another.
CREATE TABLE paymentapp.events (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    position bigint,
    at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    event jsonb NOT NULL
);
CREATE UNIQUE INDEX event_position ON paymentapp.events (position) WHERE position IS NOT NULL;
CREATE INDEX event_unlisted ON paymentapp.events (number) WHERE position IS NULL;
CREATE INDEX event_expiry ON paymentapp.events (expires_at);

CREATE TABLE paymentapp.event_list (
    is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    last_position bigint NOT NULL
);
INSERT INTO paymentapp.event_list (last_position) VALUES (0);
