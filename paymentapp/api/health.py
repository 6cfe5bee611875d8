"""Health over HTTP, for load balancers and for people. Needs no key, so it tells no secret."""

from __future__ import annotations

from typing import Any

from paymentapp.api import examples
from paymentapp.api.blueprint import Blueprint, services
from paymentapp.schemas.health import AliveSchema, ReadySchema

blp = Blueprint("health", __name__, description="Whether the service works.")


@blp.route("/healthz")
@blp.response(200, AliveSchema, description="Alive", example={"status": "ok"})
@blp.alt_response(
    503,
    schema=AliveSchema,
    description="The process is about to end itself, to be started again",
    example=examples.NOT_ALIVE,
)
@blp.documents(security=[])
def healthz() -> tuple[dict[str, str], int]:
    """Report whether the process and the threads that it needs are alive."""
    problem = services().supervisor.problem()
    return ({"status": "ok"}, 200) if problem is None else _failing(problem)


@blp.route("/readyz")
@blp.response(200, ReadySchema, description="Ready", example=examples.READY)
@blp.alt_response(
    503, schema=ReadySchema, description="Something is wrong", example=examples.NOT_READY
)
@blp.documents(security=[])
def readyz() -> tuple[dict[str, Any], int]:
    """Report whether store, dispatcher and providers are ready."""
    checks = services().health.checks()
    ready = all(check.ok for check in checks)
    return {"status": "ready" if ready else "not ready", "checks": checks}, 200 if ready else 503


def _failing(problem: str) -> tuple[dict[str, str], int]:
    return {"status": "failing", "detail": problem}, 503
