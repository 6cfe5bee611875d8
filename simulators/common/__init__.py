"""Parts that every simulated provider needs; nothing specific to one of them."""
