"""The engine for AWS: three DynamoDB tables, through botocore."""

from paymentapp.storage.dynamodb.store import DynamoDBStore

__all__ = ["DynamoDBStore"]
