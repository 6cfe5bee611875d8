"""Fill a store with a record of every kind, for tests that copy it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from paymentapp.clock import to_text, utc_now
from paymentapp.models.batches import BatchState
from paymentapp.models.bulk import BulkKey, RowOutcome
from paymentapp.models.caller_texts import CallerTexts
from paymentapp.models.console_sessions import ConsoleSession
from paymentapp.models.duplicates import DuplicateCheck
from paymentapp.models.holds import HoldScope
from paymentapp.models.limits import Charge
from paymentapp.models.payments import Cause, Payment, Status, Transition
from paymentapp.models.provider_state import StateEntry
from paymentapp.models.references import ReferenceClaim
from paymentapp.models.revisions import new_revision
from paymentapp.storage.base import Lease, Store
from paymentapp.storage.changes import Acceptance
from tests.support.erasure_world import ErasureWorld
from tests.support.records import (
    NOW,
    a_batch,
    a_claim,
    a_customer,
    a_delivery,
    a_hold,
    a_payment,
    a_run,
    an_api_key,
    an_endpoint,
    an_event,
    bulk_rows,
    members,
    usd,
)

DAY = Charge("all//USD/day", f"{utc_now():%Y-%m-%d}", Decimal("12.50"), Decimal(5000), 1)
STRANGE = "\x00 \x1a é 🜚"


def due_payment(number: int = 1, **fields: object) -> Payment:
    """Return a payment that was requested just now, and is due."""
    moment = utc_now() + timedelta(microseconds=number)
    payment = a_payment(
        customer_id=f"due-{number}",
        payment_id=to_text(moment),
        history=(Transition(moment, Status.PENDING, Cause.REQUEST, by="shop"),),
        due_at=moment,
    )
    return replace(payment, **fields)  # type: ignore[arg-type]  # of any field


def fill(store: Store) -> None:
    """Add records of every kind, by the service where it makes them, else one by one."""
    ErasureWorld(store).live()
    _add_customers(store)
    _add_payments(store)
    _add_operations(store)
    _add_bulk(store)


def _add_customers(store: Store) -> None:
    attributes = {"tier": Decimal("1.50"), "vip": True, "level": 1, "note": "", "strange": STRANGE}
    store.add_customer(a_customer(customer_id="rich", attributes=attributes))
    store.add_customer(a_customer(customer_id="plain"))


def _add_payments(store: Store) -> None:
    texts = CallerTexts("invoice 7", "for June", (("po", "4711"),))
    counted = due_payment(1, texts=texts, charges=(str(DAY),))
    store.accept(
        Acceptance(
            counted,
            a_claim(key_hash="counted", payment_id=counted.payment_id),
            charges=(DAY,),
            alike=DuplicateCheck("l1", to_text(NOW), utc_now() + timedelta(days=2)),
            reference=ReferenceClaim("digest"),
        )
    )
    store.accept(Acceptance(due_payment(2)))
    settled = due_payment(3, money=usd("0.10"), due_at=None, transaction_id="tx 1")
    store.accept(Acceptance(settled))
    store.bind_key(a_claim(key_hash="refused", refusal="amount\nToo much."), None)


def _add_operations(store: Store) -> None:
    store.add_batch(a_batch(batch_id="prepared"), members(2))
    now = utc_now()
    accepted = a_batch(
        batch_id="accepted", state=BatchState.ACCEPTED, unsettled=Decimal("3.030"), reference="R1"
    )
    store.add_batch(accepted, members(2))
    store.add_batch(a_batch(batch_id="parked", state=BatchState.PARKED, parked_at=NOW), members(2))
    store.add_provider_event(an_event(event_id=f"WH {STRANGE}"))
    store.add_state_entry(StateEntry("paypal/cursor", STRANGE, new_revision()))
    store.hold_lease(Lease("sweep#0000", "gone", now - timedelta(minutes=1)), now)
    held = a_hold(hold_id="h2", scope=HoldScope.CUSTOMER, value="plain")
    store.add_hold(held)
    store.release_hold(held, held.released(now, "Grace"))
    store.add_hold(a_hold(hold_id="h3", scope=HoldScope.CUSTOMER, value="rich"))
    store.add_api_key(an_api_key())
    endpoint = an_endpoint()
    store.add_webhook_endpoint(endpoint)
    store.add_webhook_delivery(a_delivery(endpoint_id=endpoint.endpoint_id))
    session = ConsoleSession("a" * 64, "t" * 43, "grace", now, now, now + timedelta(hours=9))
    store.add_console_session(replace(session, revision=new_revision()))


def _add_bulk(store: Store) -> None:
    until = utc_now() + timedelta(days=30)
    run = a_run()
    store.add_bulk_rows(run.bulk_id, 0, bulk_rows(3), until)
    store.add_bulk_key(BulkKey("bulk", "fingerprint", run.bulk_id, until))
    store.add_bulk_run(run)
    store.add_bulk_outcomes(run.bulk_id, 0, "t1", [RowOutcome(2, "c2", to_text(NOW))])
