"""The real services in a world made from one integer: scheduler, clocks, store and provider."""
