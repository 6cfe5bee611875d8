"""Tokens of Amazon Cognito, as its emulator signs them, grant what the settings say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import boto3
import pytest

from paymentapp.errors import InvalidToken
from paymentapp.models.actors import BUNDLES
from paymentapp.oidc.tokens import AccessTokens
from tests.support.cognito import AWS, accepting, sign_in
from tests.support.emulators import FAKE_ACCOUNT, ministack, ministack_program


@dataclass
class Pool:
    """A user pool with a client for people, the group `payers`, and a user of each kind."""

    address: str
    cognito: Any
    pool_id: str = ""
    client_id: str = ""
    environ: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.pool_id = self.cognito.create_user_pool(PoolName="pay")["UserPool"]["Id"]
        self.client_id = self.client("people", ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH"])
        self.cognito.create_group(GroupName="payers", UserPoolId=self.pool_id)
        for user in ("unixuser1", "stranger"):
            self.cognito.admin_create_user(UserPoolId=self.pool_id, Username=user)
        self.cognito.admin_add_user_to_group(
            UserPoolId=self.pool_id, Username="unixuser1", GroupName="payers"
        )
        self.environ = {
            "PAYMENTAPP_OIDC_ISSUER": f"{AWS}/{self.pool_id}",
            "PAYMENTAPP_OIDC_AUDIENCE": self.client_id,
            "PAYMENTAPP_OIDC_SCOPES_CLAIM": "cognito:groups scope",
            "PAYMENTAPP_OIDC_SCOPES_MAP": "payers=write",
        }

    def client(self, name: str, **options: Any) -> str:
        made = self.cognito.create_user_pool_client(
            UserPoolId=self.pool_id, ClientName=name, **options
        )
        client_id: str = made["UserPoolClient"]["ClientId"]
        return client_id

    @property
    def tokens(self) -> AccessTokens:
        return accepting(self.environ, self.address)


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pool]:
    program = ministack_program()
    if program is None:
        pytest.skip("ministack is not installed")
    with ministack(program, tmp_path_factory.mktemp("cognito")) as address:
        client = boto3.client(
            "cognito-idp",
            endpoint_url=address,
            region_name=FAKE_ACCOUNT["AWS_DEFAULT_REGION"],
            aws_access_key_id=FAKE_ACCOUNT["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=FAKE_ACCOUNT["AWS_SECRET_ACCESS_KEY"],
        )
        yield Pool(address, client)


def test_a_user_of_the_pool_may_do_what_their_group_grants(pool: Pool) -> None:
    token = sign_in(pool.cognito, pool.pool_id, pool.client_id, "unixuser1")["AccessToken"]
    actor = pool.tokens.actor(token)
    assert actor.scopes == BUNDLES["write"]
    assert "unixuser1" in actor.identities
    assert pool.client_id not in actor.identities | {actor.name}


def test_a_user_without_a_group_may_do_nothing(pool: Pool) -> None:
    token = sign_in(pool.cognito, pool.pool_id, pool.client_id, "stranger")["AccessToken"]
    assert pool.tokens.actor(token).scopes == set()


def test_the_id_token_is_refused(pool: Pool) -> None:
    token = sign_in(pool.cognito, pool.pool_id, pool.client_id, "unixuser1")["IdToken"]
    with pytest.raises(InvalidToken, match="ID token"):
        pool.tokens.actor(token)


def test_a_token_by_another_client_of_the_pool_is_refused(pool: Pool) -> None:
    other = pool.client("other", ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH"])
    token = sign_in(pool.cognito, pool.pool_id, other, "unixuser1")["AccessToken"]
    with pytest.raises(InvalidToken, match="audience"):
        pool.tokens.actor(token)
