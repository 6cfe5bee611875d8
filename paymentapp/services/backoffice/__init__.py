"""What reads whole tables, for people: reconciliation, audit, parked batches."""
