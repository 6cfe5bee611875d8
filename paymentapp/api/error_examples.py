"""The errors of each operation, as the service answers them."""

from __future__ import annotations

from paymentapp.api import examples, problems
from paymentapp.api.error_docs import BODY, ProblemExample
from paymentapp.api.problems import FieldError, ProblemType, body_error
from paymentapp.models.customers import ATTRIBUTES_TOO_LARGE
from paymentapp.models.duplicates import PossibleDuplicate
from paymentapp.models.payments import PaymentKey
from paymentapp.models.references import ReferenceUsed
from paymentapp.models.webhook_endpoints import (
    ENDPOINTS_MAX,
    NO_VAULT_KEY,
    REGISTRATION_GONE,
    SECRETS_MAX,
)
from paymentapp.providers.registry import NAMES
from paymentapp.schemas.headers import KEY_MESSAGE, KEY_NEEDED
from paymentapp.webhook_client.addresses import NOT_PUBLIC

_MISSING = "Missing data for required field."
_UNKNOWN = "Unknown field."
_METHODS = ", ".join(sorted(NAMES))
_METHOD = min(NAMES)
_NOT_SENT_ON = (
    f"{_METHOD}: Must be 1 to 80 printable ASCII characters that begin and end with no blank."
)


def _invalid(*errors: FieldError) -> ProblemExample:
    return ProblemExample(problems.INVALID, errors=errors)


def _refused(kind: ProblemType, message: str, *path: str) -> ProblemExample:
    return ProblemExample(kind, message, [body_error(path, message)])


NO_CUSTOMER = ProblemExample(problems.NOT_FOUND, "There is no such customer.")
NO_METHOD = ProblemExample(problems.NOT_FOUND, "This customer has no such payment method.")
NO_PAYMENT = ProblemExample(problems.NOT_FOUND, "This customer has no such payment.")

ADD_CUSTOMER = (
    _invalid(
        body_error(["customer_id"], _MISSING),
        body_error(["email"], "Not an e-mail address (ASCII, name@host.domain)."),
    ),
    *(
        ProblemExample(problems.CONFLICT, f"This customer_id is already registered with {what}.")
        for what in ("another e-mail", "other attributes")
    ),
    ProblemExample(
        problems.CONFLICT,
        "This customer_id is that of a customer who was erased: use another.",
    ),
    *BODY,
    _refused(problems.UNPROCESSABLE, ATTRIBUTES_TOO_LARGE),
)
LIST_CUSTOMERS = (
    _invalid(
        {
            "parameter": "limit",
            "message": "Must be greater than or equal to 1 and less than or equal to 100.",
        }
    ),
    _invalid(
        {
            "parameter": "email",
            "message": "Not an e-mail address (ASCII, name@host.domain).",
        }
    ),
)
CHANGE_CUSTOMER = (
    _invalid(body_error(["email"], "Field may not be null.")),
    _invalid({"header": "If-Match", "message": "Must be one ETag, in quotes, or *."}),
    ProblemExample(problems.FORBIDDEN, "A new e-mail also requires the scope payees:write."),
    NO_CUSTOMER,
    ProblemExample(problems.PRECONDITION_FAILED, "The customer's record has changed since."),
    ProblemExample(problems.PRECONDITION_REQUIRED),
    *BODY,
    _refused(problems.UNPROCESSABLE, ATTRIBUTES_TOO_LARGE),
)
ERASE_CUSTOMER = (
    _invalid({"header": "If-Match", "message": "Must be one ETag, in quotes, or *."}),
    NO_CUSTOMER,
    ProblemExample(
        problems.CONFLICT,
        "Payments of this customer are open: erase the customer once they are settled or "
        f"cancelled. Payment {examples.PAYMENT_ID} is pending.",
    ),
    ProblemExample(problems.PRECONDITION_FAILED, "The customer's record has changed since."),
)
PUT_METHOD = (
    _invalid(body_error(["details"], _MISSING), body_error(["detail"], _UNKNOWN)),
    NO_CUSTOMER,
    ProblemExample(problems.NOT_FOUND, f"Unknown payment method; available: {_METHODS}."),
    *BODY,
    _refused(
        problems.NOT_PAYABLE,
        "Unknown detail; known: holder, routing_number, account_number, account_type.",
        *("details", "iban"),
    ),
    _refused(problems.NOT_PAYABLE, "Missing detail.", "details", "holder"),
)
_ABOVE_LIMIT = ProblemExample(
    problems.LIMIT_EXCEEDED,
    "The limit is customer USD 5000/day; 100 USD is left.",
    members={name: value for name, value in examples.LIMIT.items() if name != "used"},
)
_PAID = PaymentKey(examples.CUSTOMER_ID, examples.PAYMENT_ID)
_REFERENCE_USED = ProblemExample(
    problems.REFERENCE_USED,
    str(ReferenceUsed(_PAID)),
    members={"payment": problems.PAYMENT_PATH.format(*_PAID)},
)
REQUEST_PAYMENT = (
    _invalid(
        body_error(["amount"], "Must be greater than 0."),
        body_error(["currency"], _MISSING),
        body_error(["curency"], _UNKNOWN),
    ),
    _invalid({"header": "Idempotency-Key", "message": KEY_MESSAGE}),
    _invalid({"header": "Idempotency-Key", "message": KEY_NEEDED}),
    NO_CUSTOMER,
    ProblemExample(
        problems.POSSIBLE_DUPLICATE,
        str(PossibleDuplicate(_PAID)),
        members={"payment": problems.PAYMENT_PATH.format(*_PAID)},
    ),
    _REFERENCE_USED,
    *BODY,
    _refused(problems.NOT_PAYABLE, "This is not the customer's e-mail.", "email"),
    _refused(problems.NOT_PAYABLE, "JPY is paid with at most 0 decimals.", "amount"),
    _refused(problems.NOT_PAYABLE, "Must be in the future.", "scheduled_at"),
    _refused(problems.NOT_PAYABLE, _NOT_SENT_ON, "description"),
    _ABOVE_LIMIT,
    ProblemExample(problems.KEY_REUSED, "This Idempotency-Key was used with another body."),
)
LIST_PAYMENTS = (
    _invalid(
        {
            "parameter": "limit",
            "message": "Must be greater than or equal to 1 and less than or equal to 100.",
        }
    ),
    NO_CUSTOMER,
)
LIST_ACCOUNT_PAYMENTS = (
    _invalid({"parameter": "min_amount", "message": "Must be an amount, such as 10 or 10.50."}),
    _invalid(
        {
            "parameter": "cursor",
            "message": "Must be a `next_cursor` that this service returned.",
        }
    ),
)
REPORT_PAYMENTS = (
    _invalid({"parameter": "payees", "message": "Must be one of: masked, full."}),
    ProblemExample(problems.FORBIDDEN, "Payees in full require the scope customers:read."),
    ProblemExample(problems.NOT_ACCEPTABLE),
    ProblemExample(problems.TOO_MANY, "Other reports are being made: retry later."),
)
REPORT_SUMMARY = (
    _invalid({"parameter": "min_amount", "message": "Must be an amount, such as 10 or 10.50."}),
    _invalid(
        {
            "parameter": "by",
            "message": "Must be one of: day, currency, payment_method, status, created_by.",
        }
    ),
    ProblemExample(problems.TOO_MANY, "Other reports are being made: retry later."),
)
CUSTOMER_HISTORY = (
    *LIST_PAYMENTS,
    _invalid(
        {
            "parameter": "cursor",
            "message": "Must be a `next_cursor` that this service returned.",
        }
    ),
)
CANCEL_PAYMENT = (
    NO_PAYMENT,
    ProblemExample(problems.CONFLICT, "It is too late to cancel: the payment is submitted."),
)
RETRY_PAYMENT = (
    _invalid(body_error(["method"], _UNKNOWN)),
    NO_PAYMENT,
    ProblemExample(
        problems.CONFLICT,
        "Only a payment that failed, was returned or was rejected can be retried: "
        "this one is pending.",
    ),
    _REFERENCE_USED,
    *BODY,
    _refused(
        problems.NOT_PAYABLE,
        f"The customer has no details for {_METHOD}: put them first.",
        "payment_method",
    ),
    _ABOVE_LIMIT,
    ProblemExample(problems.KEY_REUSED, "This Idempotency-Key was used with another body."),
)
_DECIDE = (
    NO_PAYMENT,
    ProblemExample(
        problems.FORBIDDEN, "Whoever requested a payment does not approve or reject it."
    ),
    ProblemExample(problems.CONFLICT, "There is nothing to approve: the payment is pending."),
    *BODY,
)
APPROVE_PAYMENT = (_invalid(body_error(["notes"], _UNKNOWN)), *_DECIDE)
REJECT_PAYMENT = (_invalid(body_error(["reason"], _MISSING)), *_DECIDE)
NO_HOLD = ProblemExample(problems.NOT_FOUND, "No such hold is in force.")
NO_EVENT = ProblemExample(
    problems.NOT_FOUND, "There is no such event, or it is older than 35 days."
)
INVALID_EVENTS_QUERY = _invalid(
    {"parameter": "after", "message": "Must be the id of an event, or a next_cursor."}
)
NO_ENDPOINT = ProblemExample(problems.NOT_FOUND, "There is no such webhook endpoint.")
_NO_VAULT_KEY = ProblemExample(problems.CONFLICT, NO_VAULT_KEY)
_ENDPOINT_DISABLED = ProblemExample(
    problems.CONFLICT, "This webhook endpoint is disabled: enable it first."
)
ADD_ENDPOINT = (
    _invalid(body_error(["url"], _MISSING)),
    _invalid({"header": "Idempotency-Key", "message": KEY_MESSAGE}),
    ProblemExample(problems.CONFLICT, REGISTRATION_GONE),
    _NO_VAULT_KEY,
    ProblemExample(
        problems.CONFLICT, f"There are {ENDPOINTS_MAX} webhook endpoints; delete one first."
    ),
    *BODY,
    _refused(problems.UNPROCESSABLE, "Must be an https URL.", "url"),
    _refused(problems.UNPROCESSABLE, NOT_PUBLIC, "url"),
    ProblemExample(problems.KEY_REUSED, "This Idempotency-Key was used with another body."),
)
CHANGE_ENDPOINT = (
    _invalid(body_error(["secret"], _UNKNOWN)),
    NO_ENDPOINT,
    *BODY,
    _refused(problems.UNPROCESSABLE, NOT_PUBLIC, "url"),
)
ROTATE_SECRET = (
    NO_ENDPOINT,
    _NO_VAULT_KEY,
    ProblemExample(
        problems.CONFLICT,
        f"{SECRETS_MAX} secrets sign already; the oldest ends within 24 hours.",
    ),
)
TEST_ENDPOINT = (NO_ENDPOINT, _ENDPOINT_DISABLED)
LIST_DELIVERIES = (
    _invalid({"parameter": "cursor", "message": "Must be a next_cursor."}),
    NO_ENDPOINT,
)
REDELIVER = (NO_ENDPOINT, NO_EVENT, _ENDPOINT_DISABLED)
PLACE_HOLD = (
    _invalid(body_error(["scope"], _MISSING), body_error(["reason"], _MISSING)),
    *BODY,
    _refused(problems.UNPROCESSABLE, "A hold of everything has no value.", "value"),
    _refused(problems.UNPROCESSABLE, "There is no such customer.", "value"),
    _refused(
        problems.UNPROCESSABLE,
        "There is no such payment: give CUSTOMER_ID/PAYMENT_ID.",
        "value",
    ),
    _refused(problems.UNPROCESSABLE, f"Unknown provider; known: {_METHODS}.", "value"),
)
HOLD_PAYMENT = (
    _invalid(body_error(["reason"], _MISSING)),
    NO_PAYMENT,
    *BODY,
    ProblemExample(problems.CONFLICT, "It is too late to hold: the payment is submitted."),
)
RELEASE_PAYMENT = (
    NO_PAYMENT,
    ProblemExample(
        problems.CONFLICT, "There is nothing to release: no hold of this payment is in force."
    ),
)
SHOW_LIMITS = (_invalid({"parameter": "customer_id", "message": "Must be the id of a customer."}),)
RECEIVE_WEBHOOK = (
    ProblemExample(problems.INVALID, "This is no event with a valid, recent signature."),
    ProblemExample(problems.NOT_FOUND, "No webhook is expected here."),
    ProblemExample(problems.TOO_LARGE),
    ProblemExample(problems.NOT_VERIFIED),
    ProblemExample(problems.UNAVAILABLE),
)
