"""HTTP client of webhook deliveries: to public addresses alone."""
