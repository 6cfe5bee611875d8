"""Sealing of account details, and the key service that opens the keys."""
