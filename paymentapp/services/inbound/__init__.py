"""Provider updates: webhooks, mailboxes, and the inbox that applies them to payments."""
