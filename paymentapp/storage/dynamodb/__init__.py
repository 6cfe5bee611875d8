"""The engine for AWS: three DynamoDB tables, by botocore, which is imported nowhere else."""

from paymentapp.storage.dynamodb.store import DynamoDBStore

__all__ = ["DynamoDBStore"]
