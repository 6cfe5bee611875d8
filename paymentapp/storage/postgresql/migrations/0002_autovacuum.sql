-- Vacuum and analyze the large tables after one row in fifty has changed, and not after one in five
-- (postgresql.org/docs/current/routine-vacuuming.html): of a hundred million payments that would be
-- twenty million dead rows, and statistics of months ago. Only new settings of the tables: nothing
-- is rewritten, and readers and writers go on.

ALTER TABLE paymentapp.disbursements SET (
    autovacuum_vacuum_scale_factor = 0.02,
    autovacuum_vacuum_insert_scale_factor = 0.02,
    autovacuum_analyze_scale_factor = 0.02
);
ALTER TABLE paymentapp.operations SET (
    autovacuum_vacuum_scale_factor = 0.02,
    autovacuum_vacuum_insert_scale_factor = 0.02,
    autovacuum_analyze_scale_factor = 0.02
);
ALTER TABLE paymentapp.events SET (
    autovacuum_vacuum_scale_factor = 0.02,
    autovacuum_vacuum_insert_scale_factor = 0.02,
    autovacuum_analyze_scale_factor = 0.02
);
