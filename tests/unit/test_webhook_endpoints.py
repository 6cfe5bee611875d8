"""Webhook endpoints: what is refused, secrets, listing deliveries."""

from __future__ import annotations

from dataclasses import replace

import pytest

from paymentapp.errors import Conflict, NotFound, Unprocessable
from paymentapp.models.webhook_endpoints import ENDPOINTS_MAX, SECRETS_MAX, DeliveryStatus
from paymentapp.vault.sealing import Vault, new_key
from tests.support.webhook_world import URL, VAULT_KEY, WebhookWorld


@pytest.fixture
def world() -> WebhookWorld:
    return WebhookWorld()


def test_a_secret_has_the_form_of_the_specification_and_is_stored_sealed(
    world: WebhookWorld,
) -> None:
    assert world.made.secret.startswith("whsec_")
    (stored,) = world.endpoints.get(world.id).secrets
    assert world.made.secret not in repr(world.made.endpoint)
    assert Vault(VAULT_KEY).open(stored.sealed, f"webhook-endpoint#{world.id}") == world.made.secret


def test_without_a_key_of_the_vault_no_endpoint_is_registered(world: WebhookWorld) -> None:
    closed = replace(world.endpoints, vault=Vault(""))
    with pytest.raises(Conflict, match="PAYMENTAPP_VAULT_KEYS is not set"):
        closed.create(URL, (), "")
    with pytest.raises(Conflict, match="PAYMENTAPP_VAULT_KEYS is not set"):
        closed.rotate_secret(world.id)
    assert len(closed.list()) == 1


@pytest.mark.parametrize("url", ["http://example.com/", "https://10.0.0.1/", "https://localhost/"])
def test_a_url_that_leads_inside_is_refused(world: WebhookWorld, url: str) -> None:
    with pytest.raises(Unprocessable):
        world.endpoints.create(url, (), "")
    with pytest.raises(Unprocessable):
        world.endpoints.change(world.id, {"url": url})
    assert [each.url for each in world.endpoints.list()] == [URL]


def test_loopback_is_allowed_by_its_setting() -> None:
    world = WebhookWorld(webhooks_allow_loopback=True)
    world.endpoints.create("http://127.0.0.1:8001/", (), "")


def test_there_are_so_many_endpoints_and_no_more(world: WebhookWorld) -> None:
    for _ in range(ENDPOINTS_MAX - 1):
        world.register()
    with pytest.raises(Conflict):
        world.register()
    world.endpoints.delete(world.id)
    world.register()


def test_an_endpoint_that_is_deleted_is_not_there(world: WebhookWorld) -> None:
    world.endpoints.delete(world.id)
    assert world.endpoints.list() == []
    for refused in (
        world.endpoints.get,
        world.endpoints.delete,
        world.endpoints.test,
        world.endpoints.rotate_secret,
    ):
        with pytest.raises(NotFound):
            refused(world.id)


def test_not_too_many_secrets_sign_at_once(world: WebhookWorld) -> None:
    for _ in range(SECRETS_MAX - 1):
        world.endpoints.rotate_secret(world.id)
    assert len(world.endpoints.get(world.id).secrets) == SECRETS_MAX
    with pytest.raises(Conflict):
        world.endpoints.rotate_secret(world.id)
    world.later(hours=24)
    world.endpoints.rotate_secret(world.id)
    assert len(world.endpoints.get(world.id).secrets) == 2


def test_secrets_are_sealed_again_with_a_new_key(world: WebhookWorld) -> None:
    world.endpoints.rotate_secret(world.id)
    vault = Vault(f"{new_key()},{VAULT_KEY}")
    rotating = replace(world.endpoints, vault=vault)
    assert rotating.renew() == 2
    assert rotating.renew() == 0
    secrets = world.endpoints.get(world.id).secrets
    place = world.made.endpoint.place
    assert vault.open(secrets[1].sealed, place) == world.made.secret
    assert all(vault.is_current(each.sealed) for each in secrets)


def test_deliveries_are_listed_by_status_and_page(world: WebhookWorld) -> None:
    tests = [world.endpoints.test(world.id) for _ in range(5)]
    world.client.answer = lambda webhook: 204 if webhook.event_id == tests[1].event_id else 500
    world.deliver()
    found = world.endpoints.deliveries(world.id, DeliveryStatus.SUCCEEDED, 10, None)
    assert ([each.event_id for each in found.deliveries], found.last_read) == (
        [tests[1].event_id],
        None,
    )
    first = world.endpoints.deliveries(world.id, DeliveryStatus.PENDING, 2, None)
    assert [each.event_id for each in first.deliveries] == [
        tests[4].event_id,
        tests[3].event_id,
    ]
    rest = world.endpoints.deliveries(world.id, DeliveryStatus.PENDING, 2, first.last_read)
    assert [each.event_id for each in rest.deliveries] == [tests[2].event_id, tests[0].event_id]
    assert rest.last_read is None
    with pytest.raises(NotFound):
        world.endpoints.deliveries("we_1", None, 10, None)


def test_an_unknown_event_cannot_be_redelivered(world: WebhookWorld) -> None:
    with pytest.raises(NotFound):
        world.endpoints.redeliver(world.id, "evt_00000000000000000001")
