"""Health checks over HTTP, for load balancers and operators.

Those that require no API key say no more than yes or no.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from paymentapp.api import examples
from paymentapp.api.blueprint import Blueprint, public, services
from paymentapp.models.actors import PAYMENTS_READ
from paymentapp.schemas.health import (
    NOT_READY,
    READY,
    AliveSchema,
    ReadinessSchema,
    ReadySchema,
)
from paymentapp.services.health import HealthCheck

blp = Blueprint("health", __name__, description="Liveness and readiness.")


@blp.route("/healthz")
@public
@blp.response(200, AliveSchema, description="Alive", example={"status": "ok"})
@blp.alt_response(
    503,
    schema=AliveSchema,
    description="The process is about to end itself, to be started again",
    example=examples.NOT_ALIVE,
)
@blp.documents(security=[])
def healthz() -> tuple[dict[str, str], int]:
    """Report that the process is alive, and every thread that it needs runs.

    It reads nothing from the store.
    """
    problem = services().supervisor.problem()
    return ({"status": "ok"}, 200) if problem is None else _failing(problem)


@blp.route("/readyz")
@public
@blp.response(200, ReadySchema, description="Ready", example=examples.READY)
@blp.alt_response(503, schema=ReadySchema, description="Not ready", example=examples.NOT_READY)
@blp.documents(security=[])
def readyz() -> tuple[dict[str, str], int]:
    """Report whether the store can be written, the dispatcher runs and the providers answer.

    `/v1/api/readiness` says which of these fails.
    """
    status = _status(services().health.checks())
    return {"status": status}, 200 if status == READY else 503


@blp.route("/v1/api/readiness")
@blp.requires(PAYMENTS_READ, "reports:read")
@blp.response(200, ReadinessSchema, description="Each check", example=examples.READINESS)
@blp.documents()
def show_readiness() -> dict[str, Any]:
    """Show the result of each check of readiness.

    One that is not `ok` makes the whole not ready. The answer is 200 either way.
    """
    checks = services().health.checks()
    return {"status": _status(checks), "checks": checks}


def _status(checks: Sequence[HealthCheck]) -> str:
    return READY if all(check.ok for check in checks) else NOT_READY


def _failing(problem: str) -> tuple[dict[str, str], int]:
    return {"status": "failing", "detail": problem}, 503
