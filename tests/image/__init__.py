"""The container image, built and run without a daemon."""
