"""Bulk runs: take in many payments at once, and work them off."""
