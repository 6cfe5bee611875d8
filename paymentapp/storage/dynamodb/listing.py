"""The request for one page of a customer's payments."""

from __future__ import annotations

from typing import Any

from paymentapp.storage.base import PageQuery
from paymentapp.storage.dynamodb.attribute_values import to_item, to_value

AFTER_EVERY_ID = "~"
_BEFORE_EVERY_ID = "0"


def page_request(customer_id: str, query: PageQuery) -> dict[str, Any] | None:
    """Return the Query of one page; None where the bounds are empty, which DynamoDB refuses.

    A page begins after `before`, which DynamoDB requires to lie within the bounds.
    """
    low = query.earliest or _BEFORE_EVERY_ID
    high = query.latest or AFTER_EVERY_ID
    if low > high or (query.before and query.before <= low):
        return None
    request: dict[str, Any] = {
        "KeyConditionExpression": "customer_id = :customer AND payment_id BETWEEN :low AND :high",
        "ExpressionAttributeValues": to_item(
            {":customer": customer_id, ":low": low, ":high": high}
        ),
        "ScanIndexForward": False,
        "ConsistentRead": True,
        "Limit": query.limit,
    }
    if query.before and query.before <= high:
        start = {"customer_id": customer_id, "payment_id": query.before}
        request["ExclusiveStartKey"] = to_item(start)
    if query.status is not None:
        request["FilterExpression"] = "#status = :status"
        request["ExpressionAttributeNames"] = {"#status": "status"}
        request["ExpressionAttributeValues"][":status"] = to_value(query.status.value)
    return request
