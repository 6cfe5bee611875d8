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
@blp.documents(security=[])
def healthz() -> dict[str, str]:
    """Report that the process is alive."""
    return {"status": "ok"}


@blp.route("/readyz")
@public
@blp.response(200, ReadySchema, description="Ready", example=examples.READY)
@blp.alt_response(503, schema=ReadySchema, description="Not ready", example=examples.NOT_READY)
@blp.documents(security=[])
def readyz() -> tuple[dict[str, Any], int]:
    """Report whether store, dispatcher and providers are ready."""
    checks = services().health.checks()
    ready = all(check.ok for check in checks)
    return {"status": "ready" if ready else "not ready", "checks": checks}, 200 if ready else 503
