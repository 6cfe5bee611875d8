"""Events as webhooks: endpoints that receive them, and deliveries."""
