"""Formats of reports: rows of payments as CSV, JSON Lines, Excel workbooks and Parquet files."""
