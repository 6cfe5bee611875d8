"""ACH by NACHA files."""
