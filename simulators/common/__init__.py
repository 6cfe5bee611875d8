"""What every simulated provider needs, and nothing of any one of them."""
