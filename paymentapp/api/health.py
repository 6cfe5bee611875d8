"""Health checks over HTTP, for load balancers and operators.

They require no API key, so their answers hold nothing confidential.
"""

from __future__ import annotations

from typing import Any

from paymentapp.api import examples
from paymentapp.api.blueprint import Blueprint, public, services
from paymentapp.schemas.health import AliveSchema, ReadySchema

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
def readyz() -> tuple[dict[str, Any], int]:
    """Report whether the store can be written, the dispatcher runs and the providers answer.

    Each has a line in `checks`; one that is not `ok` makes the whole not ready.
    """
    checks = services().health.checks()
    ready = all(check.ok for check in checks)
    return {"status": "ready" if ready else "not ready", "checks": checks}, 200 if ready else 503


def _failing(problem: str) -> tuple[dict[str, str], int]:
    return {"status": "failing", "detail": problem}, 503
