"""Where records live: one interface, two engines."""
