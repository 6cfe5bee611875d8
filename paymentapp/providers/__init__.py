"""Where money moves: one file a provider, one line in the registry."""
