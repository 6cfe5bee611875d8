"""AWS messaging: the SNS topic of events, and the SQS queue of deliveries."""
