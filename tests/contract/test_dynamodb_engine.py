"""The DynamoDB engine: lost answers, its tables, and errors."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, WaiterError

from paymentapp.clock import to_text
from paymentapp.config import Settings
from paymentapp.errors import SettingsError, StoreUnavailable
from paymentapp.models.account_payments import AccountQuery
from paymentapp.models.customer_history import (
    CustomerAction,
    CustomerEvent,
    registered,
    with_history,
)
from paymentapp.models.customers import CustomerQuery
from paymentapp.models.payments import Cause, Payment, PaymentKey
from paymentapp.storage import open_store
from paymentapp.storage.base import Lease, PageQuery
from paymentapp.storage.changes import PaymentChange
from paymentapp.storage.dynamodb import (
    DynamoDBStore,
    conditional_writes,
    scans,
    tables,
    transactions,
)
from paymentapp.storage.dynamodb.client import ConditionFailed
from paymentapp.storage.dynamodb.conditional_writes import ItemUpdate
from tests.support.aws_calls import lost_answers
from tests.support.records import (
    NOW,
    a_batch,
    a_claim,
    a_customer,
    a_payment,
    add_claim,
    add_payment,
    an_api_key,
    change_claim,
    later,
    members,
    payments_of_many,
    stamped,
)

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


PUT = CustomerEvent(NOW, CustomerAction.METHOD_PUT, Cause.REQUEST, "payroll", "ach")


def change(store: DynamoDBStore, old: Payment, new: Payment) -> bool:
    return store.change_payments([PaymentChange(old, new)]) == [True]


# Answers that are lost: botocore repeats the request, and meets what it has itself written


def test_an_add_whose_answer_was_lost_is_done(dynamodb_store: DynamoDBStore) -> None:
    store, payment, claim, customer = dynamodb_store, a_payment(), a_claim(), a_customer()
    with lost_answers(store._client(), "PutItem") as lost:
        assert add_payment(store, payment) == payment
    with lost_answers(store._client(), "PutItem"):
        assert add_claim(store, claim) == claim
    with lost_answers(store._client(), "PutItem"):
        assert store.add_customer(customer) == customer
    bob, lines = registered(a_customer(customer_id="bob"), "payroll")
    with lost_answers(store._client(), "TransactWriteItems"):
        assert store.add_customer(bob, lines) == bob
    assert store.customer_history("bob", 10) == lines
    with lost_answers(store._client(), "PutItem", count=2):
        batch = a_batch()
        store.add_batch(batch, members(2))
    assert store.get_members(batch) == members(2)
    assert lost == [200]


def test_a_change_whose_answer_was_lost_is_done(dynamodb_store: DynamoDBStore) -> None:
    store, old, claim, batch = dynamodb_store, a_payment(), a_claim(), a_batch()
    add_payment(store, old)
    add_claim(store, claim)
    store.add_batch(batch, members(2))
    with lost_answers(store._client(), "UpdateItem") as lost:
        assert change(store, old, stamped(old))
    with lost_answers(store._client(), "UpdateItem"):
        assert change_claim(store, claim, a_claim())
    with lost_answers(store._client(), "UpdateItem"):
        assert store.change_batch(batch, batch.changed(attempts=1))
    first, begun = registered(a_customer(), "payroll")
    store.add_customer(first, begun)
    second, lines = with_history(first, first.changed(default_method="ach"), PUT)
    with lost_answers(store._client(), "TransactWriteItems"):
        assert store.change_customer(first, second, lines)
    assert store.customer_history("ada", 10) == [*reversed(lines), *begun]
    assert lost == [200]


def test_many_changes_whose_answers_were_lost_are_done(dynamodb_store: DynamoDBStore) -> None:
    store = dynamodb_store
    olds = [add_payment(store, payment) for payment in payments_of_many(30)]
    assert change(store, olds[3], stamped(olds[3], "another"))
    stamps = [PaymentChange(old, stamped(old)) for old in olds]
    with lost_answers(store._client(), "BatchExecuteStatement", count=2) as lost:
        made = store.change_payments(stamps)
    assert lost == [200, 200]
    assert made == [place != 3 for place in range(30)]


def test_a_lease_whose_answer_was_lost_is_held(dynamodb_store: DynamoDBStore) -> None:
    wanted = Lease("a", "me", later(9))
    with lost_answers(dynamodb_store._client(), "PutItem"):
        assert dynamodb_store.hold_lease(wanted, NOW) == wanted


def test_answers_that_never_come_are_said_to_be_missing(dynamodb_store: DynamoDBStore) -> None:
    """Raise StoreUnavailable: the write took place, and the caller cannot know."""
    customer = a_customer()
    with (
        lost_answers(dynamodb_store._client(), "PutItem", count=9),
        pytest.raises(StoreUnavailable, match="ConnectionClosedError"),
    ):
        dynamodb_store.add_customer(customer)
    assert dynamodb_store.get_customer(customer.customer_id) == customer


# Records of a later version


def test_a_change_keeps_what_a_later_version_added(
    dynamodb_store: DynamoDBStore,
    dynamodb_client: DynamoDBClient,
    dynamodb_settings: Settings,
) -> None:
    store, table = dynamodb_store, f"{dynamodb_settings.table_prefix}Disbursements"
    payments = [add_payment(store, payment) for payment in payments_of_many(3)]
    for payment in payments:
        dynamodb_client.update_item(
            TableName=table,
            Key={
                "customer_id": {"S": payment.customer_id},
                "payment_id": {"S": payment.payment_id},
            },
            UpdateExpression="SET extra = :extra",
            ExpressionAttributeValues={":extra": {"SS": ["a", "b"]}},
        )
    assert change(store, payments[0], stamped(payments[0]))
    two = [PaymentChange(old, stamped(old)) for old in payments[1:]]
    assert store.change_payments(two) == [True, True]
    items = dynamodb_client.scan(TableName=table, ConsistentRead=True)["Items"]
    assert [sorted(item["extra"]["SS"]) for item in items] == [["a", "b"]] * 3
    assert store.get_payment(two[0].new.key) == two[0].new


def test_a_version_that_knows_no_history_changes_a_customer_beside_one_that_does(
    dynamodb_store: DynamoDBStore,
) -> None:
    store = dynamodb_store
    first, begun = registered(a_customer(), "payroll")
    store.add_customer(first, begun)
    known = replace(first, changes=0)  # as the version before reads it
    theirs = known.changed(default_method="paypal")
    assert store.change_customer(known, theirs)
    found = store.get_customer("ada")
    assert found == replace(theirs, changes=1)
    assert store.change_customer(found, *with_history(found, found.changed(), PUT))
    assert [line.version for line in store.customer_history("ada", 10)] == [2, 1]


# Tables


def test_tables_are_as_the_design_has_them(
    dynamodb_client: DynamoDBClient, dynamodb_settings: Settings
) -> None:
    found = {}
    for name in ("Customers", "Disbursements", "Operations"):
        table = dynamodb_client.describe_table(TableName=dynamodb_settings.table_prefix + name)
        description: Any = table["Table"]
        assert description["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
        found[name] = {
            index["IndexName"]: (
                [key["AttributeName"] for key in index["KeySchema"]],
                index["Projection"]["ProjectionType"],
            )
            for index in description.get("GlobalSecondaryIndexes", [])
        }
    assert found == {
        "Customers": {"email": (["email", "customer_id"], "KEYS_ONLY")},
        "Disbursements": {"due": (["due_shard", "due_at"], "ALL")},
        "Operations": {"attention": (["attention_shard", "attention_at"], "KEYS_ONLY")},
    }


def test_a_missing_table_is_noticed_and_made(
    dynamodb_client: DynamoDBClient, dynamodb_settings: Settings
) -> None:
    prefix = f"{dynamodb_settings.table_prefix}partly-"
    dynamodb_client.create_table(**tables.definition(prefix, "Disbursements"))
    store = open_store(replace(dynamodb_settings, table_prefix=prefix))
    with pytest.raises(StoreUnavailable, match="DynamoDB BatchGetItem: ResourceNotFoundException"):
        store.ping()
    assert store.create_tables() == ["Customers", "Operations"]
    store.ping()
    store.close()
    described = dynamodb_client.describe_time_to_live(TableName=f"{prefix}Operations")
    expiry = {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires_at"}
    assert described["TimeToLiveDescription"] == expiry
    for name in ("Customers", "Disbursements", "Operations"):
        dynamodb_client.delete_table(TableName=prefix + name)


def test_a_table_of_an_earlier_version_gets_the_index_that_it_lacks(
    dynamodb_client: DynamoDBClient, dynamodb_settings: Settings
) -> None:
    prefix = f"{dynamodb_settings.table_prefix}early-"
    early = tables.definition(prefix, "Customers")
    del early["GlobalSecondaryIndexes"]
    early["AttributeDefinitions"] = [{"AttributeName": "customer_id", "AttributeType": "S"}]
    dynamodb_client.create_table(**early)
    store = open_store(replace(dynamodb_settings, table_prefix=prefix))
    store.add_customer(a_customer())
    with pytest.raises(StoreUnavailable):
        store.list_customers(CustomerQuery(5, a_customer().email))
    assert store.create_tables() == ["Disbursements", "Operations"]
    assert store.create_tables() == []
    assert store.list_customers(CustomerQuery(5, a_customer().email)).customers == [a_customer()]
    store.close()
    for name in ("Customers", "Disbursements", "Operations"):
        dynamodb_client.delete_table(TableName=prefix + name)


# What goes wrong


class Refusing:
    """A client whose statements give scripted answers, one call after the other."""

    def __init__(self, *answers: list[str | None]) -> None:
        self.answers = list(answers)
        self.statements: list[int] = []

    def batch_execute_statement(self, Statements: list[Any]) -> dict[str, Any]:  # noqa: N803
        self.statements.append(len(Statements))
        codes = self.answers.pop(0)
        return {"Responses": [{"Error": {"Code": code}} if code else {} for code in codes]}

    def batch_get_item(self, RequestItems: Any) -> dict[str, Any]:  # noqa: N803
        ((table, wanted),) = RequestItems.items()
        keys = wanted["Keys"]
        items = [{**key, "revision": {"S": f"new {key['id']['S']}"}} for key in keys[:1]]
        left = {table: {"Keys": keys[1:]}} if keys[1:] else {}
        return {"Responses": {table: items}, "UnprocessedKeys": left}


def some_changes(count: int) -> list[ItemUpdate]:
    return [
        ItemUpdate({"id": {"S": str(n)}}, "old", f"new {n}" if n % 2 else "another", {"a": 1}, [])
        for n in range(count)
    ]


@pytest.fixture
def no_delays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conditional_writes, "RETRY_DELAYS", (0.0, 0.0))
    monkeypatch.setattr(transactions, "tries", lambda: range(3))


@pytest.mark.usefixtures("no_delays")
def test_only_what_was_throttled_is_sent_again() -> None:
    """Retry them; a condition that fails then is checked for our own write."""
    refused = "ConditionalCheckFailed"
    client: Any = Refusing(
        [None, "ThrottlingError", "TransactionConflict", refused, None],
        [refused, "InternalServerError"],
        [refused],
    )
    assert conditional_writes.change_many(client, "T", some_changes(5)) == [
        True,
        True,
        False,
        True,
        True,
    ]
    assert client.statements == [5, 2, 1]


@pytest.mark.usefixtures("no_delays")
def test_throttling_without_end_is_no_refusal() -> None:
    client: Any = Refusing([None, "ThrottlingError"], ["ThrottlingError"], ["ThrottlingError"])
    with pytest.raises(StoreUnavailable, match="BatchExecuteStatement: ThrottlingError"):
        conditional_writes.change_many(client, "T", some_changes(2))
    assert client.statements == [2, 1, 1]


@pytest.mark.parametrize("code", ["ValidationError", "AccessDenied", "SomethingNew"])
def test_an_unexpected_error_is_no_refusal_and_is_not_repeated(code: str) -> None:
    client: Any = Refusing([None, code])
    with pytest.raises(StoreUnavailable, match=code):
        conditional_writes.change_many(client, "T", some_changes(2))
    assert client.statements == [2]


class Cancelling:
    """A client that cancels each transaction for the next planned reasons, one for each write."""

    def __init__(self, *plans: Sequence[str | None]) -> None:
        self.plans = list(plans)

    def transact_write_items(self, TransactItems: object) -> None:  # noqa: ARG002, N803  # AWS's name
        codes = self.plans.pop(0)
        if codes:
            reasons = [{"Code": code or "None"} for code in codes]
            answer: Any = {
                "Error": {"Code": "TransactionCanceledException", "Message": ACCOUNT},
                "CancellationReasons": reasons,
            }
            raise ClientError(answer, "TransactWriteItems")


@pytest.mark.usefixtures("no_delays")
def test_a_conflict_with_another_transaction_is_repeated() -> None:
    client: Any = Cancelling(["TransactionConflict", None], [None, "ThrottlingError"], [])
    transactions.write_together(client, [{}, {}])
    assert client.plans == []


@pytest.mark.usefixtures("no_delays")
def test_conflicts_without_end_are_no_refusal() -> None:
    client: Any = Cancelling(*[["TransactionConflict", None]] * 3)
    with pytest.raises(StoreUnavailable, match="TransactWriteItems: TransactionCanceledException"):
        transactions.write_together(client, [{}, {}])
    assert client.plans == []


def test_a_condition_that_fails_beside_a_conflict_is_a_refusal() -> None:
    client: Any = Cancelling(["ConditionalCheckFailed", "TransactionConflict"])
    with pytest.raises(ConditionFailed):
        transactions.write_together(client, [{}, {}])


@pytest.mark.parametrize("code", ["ValidationError", "AccessDenied", "SomethingNew"])
def test_a_transaction_that_can_never_be_made_is_not_repeated(code: str) -> None:
    client: Any = Cancelling([None, code])
    with pytest.raises(StoreUnavailable, match="TransactWriteItems"):
        transactions.write_together(client, [{}, {}])
    assert client.plans == []


class Failing:
    """A client whose every method raises the same error."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def __getattr__(self, name: str) -> Callable[..., object]:
        def method(**_: Any) -> object:
            raise self.error

        method.__name__ = name
        return method


ACCOUNT = "User: arn:aws:iam::123456789012:user/ada is not authorized on table/Disbursements"
ERRORS: list[tuple[Exception, str]] = [
    (
        ClientError({"Error": {"Code": "AccessDeniedException", "Message": ACCOUNT}}, "PutItem"),
        "DynamoDB PutItem: AccessDeniedException",
    ),
    (
        ClientError({"Error": {"Code": "ThrottlingException", "Message": "slow"}}, "GetItem"),
        "DynamoDB GetItem: ThrottlingException",
    ),
    (EndpointConnectionError(endpoint_url="http://10.1.2.3"), "EndpointConnectionError"),
]


@pytest.mark.parametrize(("error", "words"), ERRORS)
def test_every_error_says_which_operation_and_nothing_more(
    dynamodb_settings: Settings, error: Exception, words: str
) -> None:
    store = open_store(dynamodb_settings)
    assert isinstance(store, DynamoDBStore)
    store._client._by_pid[os.getpid()] = Failing(error)  # type: ignore[assignment]
    old, batch, key = a_payment(), a_batch(), PaymentKey("ada", to_text(NOW))
    put = (a_customer(), *with_history(a_customer(), a_customer().changed(), PUT))
    uses: list[Callable[[], object]] = [
        store.ping,
        lambda: store.add_customer(a_customer()),
        lambda: store.add_customer(*registered(a_customer(), "payroll")),
        lambda: store.change_customer(*put),
        lambda: store.customer_history("ada", 3),
        lambda: store.list_customers(CustomerQuery(3)),
        lambda: store.list_customers(CustomerQuery(3, "ada@example.com")),
        lambda: store.get_customer("ada"),
        lambda: store.read_for_payment("ada", ["h1"]),
        lambda: add_payment(store, old),
        lambda: store.get_payments([key]),
        lambda: change(store, old, stamped(old)),
        lambda: store.change_payments([PaymentChange(o, stamped(o)) for o in payments_of_many(60)]),
        lambda: store.list_payments("ada", PageQuery(3)),
        lambda: store.list_account_payments(AccountQuery(3)),
        lambda: store.list_account_payments(AccountQuery(3, provider_id="B-1")),
        store.index_payments,
        lambda: store.due_payments(1, NOW, 3),
        lambda: add_claim(store, a_claim()),
        lambda: store.change_batch(batch, batch.changed(attempts=1)),
        lambda: store.due_batches(1, NOW, 3),
        lambda: store.hold_lease(Lease("a", "me", NOW), NOW),
        lambda: store.change_api_key(an_api_key(), an_api_key().changed(revoked_at=NOW)),
    ]
    for use in uses:
        with pytest.raises(StoreUnavailable) as failure:
            use()
        assert words in str(failure.value)
        assert not any(word in str(failure.value) for word in ("1234", "arn:", "ada", "10.1"))


class Vanishing:
    """A client that refuses every write by its condition, and has no item when it is read."""

    def put_item(self, **_: Any) -> None:
        raise ClientError({"Error": {"Code": "ConditionalCheckFailedException"}}, "PutItem")

    def get_item(self, **_: Any) -> dict[str, Any]:
        return {}


def test_what_was_in_the_way_and_has_gone_is_no_success(dynamodb_settings: Settings) -> None:
    """Raise: an idempotency record may expire at this moment."""
    store = open_store(dynamodb_settings)
    assert isinstance(store, DynamoDBStore)
    store._client._by_pid[os.getpid()] = Vanishing()  # type: ignore[assignment]
    with pytest.raises(StoreUnavailable, match="the conflicting item no longer exists"):
        add_claim(store, a_claim())


def test_a_missing_region_is_a_missing_setting(
    dynamodb_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_DEFAULT_REGION", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    store = open_store(dynamodb_settings)
    with pytest.raises(SettingsError, match="AWS_DEFAULT_REGION"):
        store.ping()


# Scans


class Pages:
    """A client whose table is read in pages; an error in place of a page is raised."""

    def __init__(self, *pages: list[dict[str, Any]] | Exception) -> None:
        self.pages = list(pages)
        self.begun_at: list[Any] = []

    def scan(self, **request: Any) -> dict[str, Any]:
        self.begun_at.append(request.get("ExclusiveStartKey"))
        page = self.pages.pop(0)
        if isinstance(page, Exception):
            raise page
        more = {"LastEvaluatedKey": page[-1]} if self.pages else {}
        return {"Items": page, **more}


THROTTLED = ClientError({"Error": {"Code": "ThrottlingException", "Message": "slow"}}, "Scan")


def items(*names: str) -> list[dict[str, Any]]:
    return [{"pk": {"S": name}} for name in names]


def test_a_scan_reads_every_page() -> None:
    client: Any = Pages(items("a", "b"), items("c"))
    assert [record["pk"] for record in scans.scan(client, "T", "made_at")] == ["a", "b", "c"]
    assert client.begun_at == [None, {"pk": {"S": "b"}}]


def test_a_page_that_is_throttled_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A patch, since the real delays are long."""
    monkeypatch.setattr(scans, "RETRY_DELAYS", (0.0, 0.0))
    client: Any = Pages(items("a"), THROTTLED, THROTTLED, items("b"))
    assert [record["pk"] for record in scans.scan(client, "T", "made_at")] == ["a", "b"]


def test_a_scan_that_is_throttled_without_end_is_an_error_and_not_short(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(scans, "RETRY_DELAYS", (0.0,))
    client: Any = Pages(items("a"), THROTTLED, THROTTLED, items("b"))
    found = scans.scan(client, "T", "made_at")
    assert next(found)["pk"] == "a"
    with pytest.raises(StoreUnavailable, match="Scan: ThrottlingException"):
        next(found)


@pytest.mark.usefixtures("no_delays")
def test_items_that_dynamodb_never_hands_out_are_an_error() -> None:
    client: Any = Refusing()
    keys: list[Any] = [{"id": {"S": str(n)}} for n in range(9)]
    with pytest.raises(StoreUnavailable, match="BatchGetItem: UnprocessedKeys"):
        list(conditional_writes.read_many(client, "T", keys))


# Making the client and the tables


def test_an_account_that_cannot_be_used_is_no_crash(
    dynamodb_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "of-nobody")
    store = open_store(dynamodb_settings)
    with pytest.raises(StoreUnavailable, match="DynamoDB client: ProfileNotFound"):
        store.ping()


def test_the_store_is_named_by_where_it_is(
    dynamodb_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same tables in another region are another store."""
    here = open_store(replace(dynamodb_settings, table_prefix="a-"))
    endpoint = os.environ["AWS_ENDPOINT_URL_DYNAMODB"]
    assert here.description == f"DynamoDB at {endpoint}, tables a-*"
    monkeypatch.delenv("AWS_ENDPOINT_URL_DYNAMODB")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    there = open_store(replace(dynamodb_settings, table_prefix=""))
    assert there.description == "DynamoDB at https://dynamodb.eu-west-1.amazonaws.com"


def test_tables_that_may_not_be_made_are_an_error() -> None:
    client: Any = Failing(ERRORS[0][0])
    with pytest.raises(StoreUnavailable, match="AccessDeniedException"):
        tables.create(client, "prefix-")


class Unfinished:
    """A client whose tables never become active."""

    def create_table(self, **_: Any) -> None:
        return

    def get_waiter(self, _: str) -> Unfinished:
        return self

    def wait(self, **_: Any) -> None:
        raise WaiterError("TableExists", "Max attempts exceeded", {})


def test_a_table_that_never_becomes_active_is_an_error() -> None:
    client: Any = Unfinished()
    with pytest.raises(StoreUnavailable, match="prefix-Customers does not become active"):
        tables.create(client, "prefix-")
