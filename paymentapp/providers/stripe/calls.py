"""Calls through Stripe's library: one attempt each, and a value also for an error of Stripe's."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from paymentapp.clock import Clock
from paymentapp.errors import Misconfigured, NotSent, OutcomeUnknown, ProviderError
from paymentapp.providers.http import Answer, Http
from paymentapp.providers.stripe.answers import StripeProblem, read_problem
from paymentapp.providers.stripe.settings import StripeSettings

if TYPE_CHECKING:
    import stripe
    from stripe import StripeObject

NO_SUCH_ID = "NO_SUCH_ID"
PAGE_SIZE = 100  # https://docs.stripe.com/api/pagination: "limit can range between 1 and 100"
MOST_PAGES = 10_000
_PATH_ID = re.compile(r"[A-Za-z0-9_]{1,100}")


class Response(NamedTuple):
    """The JSON of an answer with status 2xx."""

    body: object


class StripeCalls:
    """A client for one account, which is opened at the first call."""

    def __init__(self, settings: StripeSettings, http: Http, clock: Clock) -> None:
        self._settings = settings
        self._http = http
        self._clock = clock

    @cached_property
    def _client(self) -> stripe.StripeClient:
        from paymentapp.providers.stripe.client import open_client

        if not self._settings.secret_key:
            raise Misconfigured("NO_KEY", "PAYMENTAPP_STRIPE_SECRET_KEY is not set")
        return open_client(self._settings.secret_key, self._settings.base_url, self._http)

    def _get(self, ask: Callable[[Any], StripeObject]) -> Response | StripeProblem:
        return self._call(ask, moves_money=False)

    def _call(
        self, ask: Callable[[stripe.StripeClient], StripeObject], *, moves_money: bool
    ) -> Response | StripeProblem:
        """Make one call.

        Raises NotSent where it had no effect, OutcomeUnknown where it may have been acted on, and
        none of the library's own exceptions: their texts quote bodies.
        """
        client = self._client
        import stripe

        try:
            answer = ask(client).last_response
            if answer is not None:
                return Response(answer.data)
        except ProviderError:
            raise
        except stripe.StripeError as error:
            headers = error.headers or {}
            if error.http_status is not None and isinstance(error.json_body, dict):
                wait = Answer(error.http_status, headers, b"").retry_after(self._clock())
                return read_problem(error.http_status, headers, error.json_body, wait)
        except Exception:  # noqa: S110 - the library may raise anything at an unexpected shape
            pass
        kind = OutcomeUnknown if moves_money else NotSent
        raise kind("UNREADABLE_ANSWER", "not an answer of Stripe's API")


def in_path(name: str) -> str:
    """Return an id as it is used in a path. Raises NotSent for any other text."""
    if not _PATH_ID.fullmatch(name):
        raise NotSent(NO_SUCH_ID, "not an id of Stripe's")
    return name
