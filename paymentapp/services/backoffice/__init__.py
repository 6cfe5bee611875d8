"""Services for operators that read whole tables: reconciliation, audit, parked batches."""
