"""Registering an endpoint with an Idempotency-Key: once, and with the same answer."""

from __future__ import annotations

from dataclasses import replace

import pytest

from paymentapp.errors import Conflict, KeyReused, StoreUnavailable
from paymentapp.models.actors import WEBHOOKS, Actor
from paymentapp.models.idempotency import KEY_RETENTION
from paymentapp.models.webhook_endpoints import ENDPOINTS_MAX, WebhookEndpoint
from paymentapp.services.outbound.endpoints import EndpointWithSecret
from paymentapp.vault.sealing import Vault, new_key
from tests.support.memory_store import MemoryStore
from tests.support.webhook_world import URL, VAULT_KEY, WebhookWorld

SHOP, OTHER = (Actor(name, frozenset({name}), frozenset({WEBHOOKS})) for name in ("shop", "other"))
TYPES = ("payment.failed",)


@pytest.fixture
def world() -> WebhookWorld:
    world = WebhookWorld()
    world.endpoints.delete(world.id)
    return world


def register(world: WebhookWorld, by: Actor = SHOP, key: str = "k1") -> EndpointWithSecret:
    return world.endpoints.create(URL, TYPES, "books", by, key)


def test_a_repeated_request_answers_with_the_first_endpoint_and_its_secret(
    world: WebhookWorld,
) -> None:
    first, again = register(world), register(world)
    assert (first.replayed, again.replayed) == (False, True)
    assert again.secret == first.secret
    assert len(world.endpoints.list()) == 1


def test_it_is_answered_again_also_where_no_more_endpoints_fit(world: WebhookWorld) -> None:
    first = register(world)
    for _ in range(ENDPOINTS_MAX - 1):
        world.register()
    assert register(world).secret == first.secret


def test_the_answer_is_the_first_one_whatever_has_changed_since(world: WebhookWorld) -> None:
    first = register(world).endpoint
    world.endpoints.change(first.endpoint_id, {"url": f"{URL}/2", "description": "other"})
    again = register(world).endpoint
    fields = ("endpoint_id", "url", "event_types", "description", "status", "created_at")
    assert [getattr(again, name) for name in fields] == [getattr(first, name) for name in fields]
    assert again.created_by == "shop"


def test_the_same_key_with_another_body_is_refused(world: WebhookWorld) -> None:
    register(world)
    for url, types, text in ((f"{URL}/2", TYPES, "books"), (URL, (), "books"), (URL, TYPES, "")):
        with pytest.raises(KeyReused):
            world.endpoints.create(url, types, text, SHOP, "k1")


def test_keys_are_a_clients_own(world: WebhookWorld) -> None:
    made = [register(world), register(world, OTHER), register(world, key="k2")]
    assert len({each.endpoint.endpoint_id for each in made}) == 3


def test_a_replaced_secret_is_answered_while_it_signs_and_not_after_that(
    world: WebhookWorld,
) -> None:
    first = register(world)
    world.endpoints.rotate_secret(first.endpoint.endpoint_id)
    assert register(world).secret == first.secret
    world.later(hours=25)
    with pytest.raises(Conflict, match="was replaced"):
        register(world)


def test_the_endpoint_that_was_deleted_is_not_registered_again(world: WebhookWorld) -> None:
    world.endpoints.delete(register(world).endpoint.endpoint_id)
    with pytest.raises(Conflict, match="was deleted since"):
        register(world)
    assert world.endpoints.list() == []


def test_a_key_is_free_again_after_its_time(world: WebhookWorld) -> None:
    first = register(world)
    world.now += KEY_RETENTION
    again = register(world)
    assert (again.replayed, len(world.endpoints.list())) == (False, 2)
    assert again.endpoint.endpoint_id != first.endpoint.endpoint_id
    assert register(world).secret == again.secret


class Crashing(MemoryStore):
    """Fails to add an endpoint, once."""

    crashes = False

    def add_webhook_endpoint(self, endpoint: WebhookEndpoint) -> WebhookEndpoint:
        crashes, self.crashes = self.crashes, False
        if crashes:
            raise StoreUnavailable("crash")
        return super().add_webhook_endpoint(endpoint)


class Contested(MemoryStore):
    """Has the same request be made by another thread, just before an endpoint is added."""

    rival: WebhookWorld | None = None

    def add_webhook_endpoint(self, endpoint: WebhookEndpoint) -> WebhookEndpoint:
        rival, self.rival = self.rival, None
        if rival is not None:
            register(rival)
        return super().add_webhook_endpoint(endpoint)


def test_what_a_crash_has_left_is_completed() -> None:
    store = Crashing()
    world = WebhookWorld(store)
    store.crashes = True
    with pytest.raises(StoreUnavailable):
        register(world)
    first, again = register(world), register(world)
    assert (first.replayed, again.replayed) == (False, True)
    assert first.secret == again.secret
    assert len(world.endpoints.list()) == 2  # the world's own, and this one


def test_two_requests_at_once_register_one_endpoint() -> None:
    store = Contested()
    world = WebhookWorld(store)
    store.rival = world
    first, again = register(world), register(world)
    assert first.replayed
    assert first.secret == again.secret
    assert len(world.endpoints.list()) == 2  # the world's own, and this one


def test_a_secret_that_cannot_be_opened_now_is_tried_again(world: WebhookWorld) -> None:
    register(world)
    world.endpoints = replace(world.endpoints, vault=Vault(new_key()))
    with pytest.raises(StoreUnavailable):
        register(world)
    world.endpoints = replace(world.endpoints, vault=Vault(VAULT_KEY))
    assert register(world).replayed
