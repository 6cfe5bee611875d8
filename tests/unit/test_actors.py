"""Actors: what each may do, and the names of scopes and bundles."""

from __future__ import annotations

import pytest

from paymentapp.models.actors import (
    BUNDLES,
    LOCAL,
    SCOPES,
    SYSTEM,
    Actor,
    check_scopes,
    expand_scopes,
    operator,
)


def test_an_actor_may_do_what_its_scopes_say_and_nothing_else() -> None:
    payroll = Actor("payroll", frozenset({"payroll"}), frozenset({"payments:write"}))
    assert [scope for scope in SCOPES if payroll.may(scope)] == ["payments:write"]


def test_admin_implies_every_scope() -> None:
    assert all(operator("Ada").may(scope) for scope in SCOPES)


def test_the_local_caller_may_do_everything_and_the_service_asks_for_nothing() -> None:
    assert all(LOCAL.may(scope) for scope in SCOPES)
    assert not any(SYSTEM.may(scope) for scope in SCOPES)


def test_a_bundle_stands_for_scopes_that_exist() -> None:
    assert all(scopes <= SCOPES.keys() for scopes in BUNDLES.values())
    assert not BUNDLES.keys() & SCOPES.keys()


def test_bundles_and_scopes_can_be_mixed() -> None:
    names = check_scopes(["write", "payments:hold"])
    assert names == {"write", "payments:hold"}
    assert expand_scopes(names) == {*BUNDLES["write"], "payments:hold"}


def test_a_scope_of_a_later_version_is_kept_and_allows_nothing_here() -> None:
    actor = Actor("new", frozenset({"new"}), expand_scopes(["bulk:write"]))
    assert actor.scopes == {"bulk:write"}
    assert not any(actor.may(scope) for scope in SCOPES)


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (["read", "payment:write"], "no scope is named 'payment:write'; scopes are read, write, "),
        ([], "no scope is given; scopes are read, write, customers:read"),
    ],
)
def test_a_scope_that_does_not_exist_is_refused_by_name(names: list[str], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        check_scopes(names)
