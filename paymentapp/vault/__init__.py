"""Encryption of account details, and the key service that decrypts the keys."""
