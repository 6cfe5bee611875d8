"""What providers tell us: webhooks, mailboxes, and the inbox that applies them."""
