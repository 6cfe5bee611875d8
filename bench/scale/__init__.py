"""A model of the service at scale: its own code, in simulated time, over simulated services."""
