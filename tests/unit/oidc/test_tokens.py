"""Access tokens: which are accepted, whom they name, and what they grant."""

from __future__ import annotations

from typing import Any

import pytest
from joserfc.jwk import RSAKey

from paymentapp.errors import InvalidToken
from paymentapp.models.actors import BUNDLES
from paymentapp.oidc.keys import IssuerKeys
from paymentapp.oidc.tokens import MAX_LENGTH, AccessTokens
from tests.support.oidc_issuer import (
    AUDIENCE,
    CLIENT,
    DISCOVERY,
    KEYS,
    Issuer,
    ec_key,
    forged,
    hmac_signed,
    rsa_key,
    unsigned,
)
from tests.support.paypal_server import FakeClock
from tests.unit.oidc.conftest import accepting

COGNITO: dict[str, Any] = {
    "aud": ...,
    "token_use": "access",
    "client_id": AUDIENCE,
    "username": "ada",
}


def refused(tokens: AccessTokens, token: str) -> str:
    """Return why a token is not accepted; the text quotes nothing of the token."""
    with pytest.raises(InvalidToken) as raised:
        tokens.actor(token)
    assert not [part for part in token.split(".") if len(part) > 9 and part in str(raised.value)]
    return str(raised.value)


def test_a_token_names_its_person_and_grants_its_scopes(
    tokens: AccessTokens, issuer: Issuer
) -> None:
    actor = tokens.actor(issuer.token())
    assert (actor.name, actor.key_id) == ("ada", None)
    assert actor.scopes == {"payments:read", "payments:write"}
    assert issuer.seen == [DISCOVERY, KEYS]


def test_an_ec_key_signs_as_well(tokens: AccessTokens, issuer: Issuer) -> None:
    assert tokens.actor(issuer.token(issuer.keys[1])).name == "ada"


@pytest.mark.parametrize("kind", ["JWT", "jwt", "at+jwt", "application/at+jwt", ...])
def test_a_token_says_that_it_is_one_or_says_nothing(
    tokens: AccessTokens, issuer: Issuer, kind: Any
) -> None:
    assert tokens.actor(issuer.token(header={"typ": kind}))


def test_further_members_of_the_header_change_nothing(tokens: AccessTokens, issuer: Issuer) -> None:
    assert tokens.actor(issuer.token(header={"x5t": "a" * 27, "nonce": "n" * 600}))


def test_a_token_without_a_signature_is_refused(tokens: AccessTokens, issuer: Issuer) -> None:
    assert "signature" in refused(tokens, unsigned(issuer.token()))
    for word in ("None", "NONE", ""):
        assert "signature" in refused(tokens, forged(issuer.token(), alg=word, kid="rsa-1"))


def test_the_public_key_is_no_secret_for_hmac(tokens: AccessTokens, issuer: Issuer) -> None:
    key = issuer.keys[0]
    assert isinstance(key, RSAKey)
    assert "signature" in refused(tokens, hmac_signed(issuer.token(), key))


@pytest.mark.parametrize("algorithm", ["RS384", "RS512", "PS256"])
def test_no_other_algorithm_is_accepted(
    tokens: AccessTokens, issuer: Issuer, algorithm: str
) -> None:
    assert "signature" in refused(tokens, issuer.token(header={"alg": algorithm}))


def test_the_key_is_of_the_algorithms_type(tokens: AccessTokens, issuer: Issuer) -> None:
    rsa, ec = issuer.keys
    assert "signature" in refused(tokens, issuer.token(rsa, header={"kid": ec.kid}))
    assert "signature" in refused(tokens, issuer.token(ec, header={"kid": rsa.kid}))
    assert "signature" in refused(tokens, forged(issuer.token(rsa), alg="ES256", kid=rsa.kid))


def test_a_key_for_another_algorithm_is_not_used(tokens: AccessTokens, issuer: Issuer) -> None:
    issuer.keys = [rsa_key("rsa-1", alg="RS512")]
    token = issuer.token(rsa_key("rsa-1"))
    assert "signature" in refused(tokens, token)


def test_another_issuers_key_of_the_same_id_is_refused(
    tokens: AccessTokens, issuer: Issuer
) -> None:
    stranger = rsa_key("stranger")
    assert "signature" in refused(tokens, issuer.token(stranger, header={"kid": "rsa-1"}))
    assert "signature" in refused(tokens, issuer.token(ec_key("ec-1")))


def test_a_key_that_the_token_brings_along_is_not_used(
    tokens: AccessTokens, issuer: Issuer
) -> None:
    stranger = rsa_key("stranger")
    brought = {"jwk": stranger.as_dict(private=False), "kid": "rsa-1"}
    assert "signature" in refused(tokens, issuer.token(stranger, header=brought))
    elsewhere = {"jku": f"{issuer.url}/stranger", "x5u": f"{issuer.url}/x", "kid": "rsa-1"}
    assert "signature" in refused(tokens, issuer.token(stranger, header=elsewhere))
    assert set(issuer.seen) == {DISCOVERY, KEYS}


@pytest.mark.parametrize(
    "header",
    [
        {"typ": "dpop+jwt"},
        {"typ": "secevent+jwt"},
        {"kid": ...},
        {"kid": ""},
        {"kid": "k" * 256},
        {"crit": ["b64"], "b64": True},
        {"crit": ["exp"], "exp": 1},
    ],
    ids=str,
)
def test_headers_that_are_refused(
    tokens: AccessTokens, issuer: Issuer, header: dict[str, Any]
) -> None:
    members = {"alg": "RS256", "kid": "rsa-1", **header}
    given = {name: value for name, value in members.items() if value is not ...}
    assert refused(tokens, forged(issuer.token(), **given))
    assert issuer.seen == []


@pytest.mark.parametrize(
    "token",
    [
        *("", ".", "..", "a.b.c", "a.b", "a.b.c.d", "....", "ключ.ж.ю", "\x00.\x00.\x00"),
        *("W10.e30.AA", "MQ.e30.AA", "bnVsbA.e30.AA", "eyJhbGciOjV9.e30.AA"),
        *("eyJhbGciOiJSUzI1NiIsImNyaXQiOjV9.e30.AA", "W1tbW1tb.e30.AA", "e30.e30.e30"),
        *("eyJhbGciOiJSUzI1NiIsImtpZCI6NX0.e30.AA", "eyJhbGciOlsiUlMyNTYiXX0.e30.AA"),
        "W1tb" * 500 + ".e30.AA",  # 1,500 lists, one in the other
    ],
)
def test_what_is_no_token_asks_nothing_of_the_issuer(
    tokens: AccessTokens, issuer: Issuer, token: str
) -> None:
    assert refused(tokens, token)
    assert issuer.seen == []


def test_a_token_has_a_greatest_length(tokens: AccessTokens, issuer: Issuer) -> None:
    assert tokens.actor(issuer.token(more="x" * 5000))
    issuer.seen.clear()
    assert str(MAX_LENGTH) in refused(tokens, issuer.token(more="x" * MAX_LENGTH))
    assert str(MAX_LENGTH) in refused(tokens, "x" * 10_000_000)
    assert issuer.seen == []


@pytest.mark.parametrize("claim", ["exp", "iss"])
def test_a_token_has_an_issuer_and_an_end(tokens: AccessTokens, issuer: Issuer, claim: str) -> None:
    changes: dict[str, Any] = {claim: ...}
    assert refused(tokens, issuer.token(**changes))


@pytest.mark.parametrize(
    ("claim", "seconds", "accepted"),
    [
        *(("exp", -59, True), ("exp", -60, False), ("exp", -3600, False)),
        *(("nbf", 60, True), ("nbf", 62, False), ("nbf", -3600, True)),
        *(("iat", 60, True), ("iat", 62, False), ("iat", -86_400, True)),
    ],
)
def test_clocks_may_differ_by_a_minute(
    tokens: AccessTokens,
    issuer: Issuer,
    clock: FakeClock,
    claim: str,
    seconds: int,
    accepted: bool,
) -> None:
    changes: dict[str, Any] = {claim: int(clock.now.timestamp()) + seconds}
    token = issuer.token(**changes)
    assert tokens.actor(token) if accepted else refused(tokens, token)


def test_a_token_ends_while_it_is_used(
    tokens: AccessTokens, issuer: Issuer, clock: FakeClock
) -> None:
    token = issuer.token()
    assert tokens.actor(token)
    clock.pass_by(minutes=11, seconds=1)
    assert refused(tokens, token) == "The token has expired."


@pytest.mark.parametrize(
    "changes",
    [
        *({"exp": "never"}, {"exp": None}, {"exp": True}, {"exp": float("inf")}),
        *({"exp": [1]}, {"nbf": "now"}, {"iat": "now"}, {"sub": 5}, {"sub": ["ada"]}),
    ],
    ids=str,
)
def test_claims_of_another_type_are_refused(
    tokens: AccessTokens, issuer: Issuer, changes: dict[str, Any]
) -> None:
    assert refused(tokens, issuer.token(**changes))


def test_the_issuer_is_named_exactly(tokens: AccessTokens, issuer: Issuer) -> None:
    for other in (issuer.url + "/", issuer.url.upper(), "https://evil.example", [issuer.url]):
        assert "another issuer" in refused(tokens, issuer.token(iss=other))


@pytest.mark.parametrize("audience", [AUDIENCE, [AUDIENCE], ["other", AUDIENCE]])
def test_the_audience_is_one_or_one_of_several(
    tokens: AccessTokens, issuer: Issuer, audience: object
) -> None:
    assert tokens.actor(issuer.token(aud=audience))


@pytest.mark.parametrize("audience", ["other", ["other"], [], "", None, 5, [[AUDIENCE]], {}, ...])
def test_a_token_for_others_is_refused(
    tokens: AccessTokens, issuer: Issuer, audience: object
) -> None:
    assert refused(tokens, issuer.token(aud=audience))
    assert refused(tokens, issuer.token(aud=audience, client_id=...))


def test_an_audience_that_is_there_counts_alone(tokens: AccessTokens, issuer: Issuer) -> None:
    assert "audience" in refused(tokens, issuer.token(aud="other", client_id=AUDIENCE))


def test_of_several_audiences_each_is_accepted(
    issuer: Issuer, keys: IssuerKeys, clock: FakeClock
) -> None:
    tokens = accepting(issuer, keys, clock, PAYMENTAPP_OIDC_AUDIENCE="people, programs")
    assert tokens.actor(issuer.token(aud="people"))
    assert tokens.actor(issuer.token(aud="programs"))
    assert refused(tokens, issuer.token(aud="people, programs"))


def test_cognitos_access_token_has_its_client_for_an_audience(
    tokens: AccessTokens, issuer: Issuer
) -> None:
    assert tokens.actor(issuer.token(**COGNITO)).name == "ada"
    assert "audience" in refused(tokens, issuer.token(**COGNITO | {"client_id": "other"}))


@pytest.mark.parametrize(
    "changes",
    [{"token_use": "id"}, {"token_use": None}, {"at_hash": "x"}, {"c_hash": "x"}],
    ids=str,
)
def test_an_id_token_is_no_permission(
    tokens: AccessTokens, issuer: Issuer, changes: dict[str, Any]
) -> None:
    assert "ID token" in refused(tokens, issuer.token(**changes))


def test_people_by_the_same_application_are_different_makers(
    tokens: AccessTokens, issuer: Issuer
) -> None:
    ada = tokens.actor(issuer.token(sub="ada", azp=CLIENT))
    bob = tokens.actor(issuer.token(sub="bob", azp=CLIENT))
    assert not ada.identities & bob.identities


def test_a_person_is_the_same_under_each_of_their_names(
    tokens: AccessTokens, issuer: Issuer
) -> None:
    cognito = tokens.actor(issuer.token(sub="6f1c-77", username="ada"))
    other = tokens.actor(issuer.token(sub="6f1c-78", preferred_username="ada"))
    assert cognito.identities == {"6f1c-77", "ada"}
    assert other.identities == {"6f1c-78", "ada"}
    assert cognito.name == "6f1c-77"


@pytest.mark.parametrize(
    ("changes", "identities"),
    [
        ({"sub": CLIENT}, frozenset({CLIENT})),
        ({"sub": ...}, frozenset({CLIENT})),
        ({"sub": ..., "client_id": ..., "azp": CLIENT}, frozenset({CLIENT})),
        (
            {"sub": f"{CLIENT}@clients", "client_id": ..., "azp": CLIENT},
            frozenset({CLIENT, f"{CLIENT}@clients"}),
        ),
    ],
)
def test_a_programs_token_names_its_client(
    tokens: AccessTokens, issuer: Issuer, changes: dict[str, Any], identities: frozenset[str]
) -> None:
    actor = tokens.actor(issuer.token(**changes))
    assert (actor.name, actor.identities) == (CLIENT, identities)


@pytest.mark.parametrize("name", ["", " ada", "a\nb", "a" * 256, "адж", "a\x7f"])
def test_a_name_that_would_spoil_a_history_is_refused(
    tokens: AccessTokens, issuer: Issuer, name: str
) -> None:
    assert "name" in refused(tokens, issuer.token(sub=name))
    assert "name" in refused(tokens, issuer.token(sub=..., client_id=name))


def test_a_token_that_names_nobody_is_refused(tokens: AccessTokens, issuer: Issuer) -> None:
    assert "name" in refused(tokens, issuer.token(sub=..., client_id=...))
    assert "name" in refused(tokens, issuer.token(sub=..., client_id=["x"], azp=5))


def test_without_a_map_names_of_scopes_grant_these_and_admin_none(
    tokens: AccessTokens, issuer: Issuer
) -> None:
    token = issuer.token(scope="openid payments:hold admin write pay/payments:write")
    assert tokens.actor(token).scopes == {"payments:hold"}
    assert tokens.actor(issuer.token(scope=...)).scopes == set()
    assert tokens.actor(issuer.token(scope=7)).scopes == set()
    assert tokens.actor(issuer.token(scope=["payments:hold", 7, ["admin"]])).scopes == {
        "payments:hold"
    }


def test_with_a_map_only_its_values_count(
    issuer: Issuer, keys: IssuerKeys, clock: FakeClock
) -> None:
    rules = "payers=write payments:read; ops=admin; cn=ap,ou=x y=payments:approve"
    tokens = accepting(
        issuer,
        keys,
        clock,
        PAYMENTAPP_OIDC_SCOPES_CLAIM="cognito:groups roles",
        PAYMENTAPP_OIDC_SCOPES_MAP=rules,
    )

    def granted(*groups: str, **changes: Any) -> frozenset[str]:
        return tokens.actor(issuer.token(**{"cognito:groups": list(groups), **changes})).scopes

    assert granted("payers") == BUNDLES["write"] | {"payments:read"}
    assert granted("ops", "other") == {"admin"}
    assert granted("cn=ap,ou=x y") == {"payments:approve"}
    assert granted("payments:hold", "admin", "Ops") == set()
    assert granted(roles="ops nobody") == {"admin"}
