"""Files that a bank leaves in a folder: fetched, read as NACHA, and put away."""
