"""AWS messaging: the SNS topic that events are published to."""
