"""Reads the rules that settings give: routes, limits and approvals.

Part of the composition root.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from paymentapp.config import Settings
from paymentapp.providers.base import Provider
from paymentapp.services.dispatch.failing_providers import FailingProviders
from paymentapp.services.routing import Routes, read_rules


def check_rules(settings: Settings) -> None:
    """Read the rules that are set, as the services that use them will. Raises SettingsError."""
    if settings.limits:
        from paymentapp.services.limits import read_limits

        read_limits(settings.limits)
    if settings.approvals:
        from paymentapp.services.approval_rules import read_approval_rules

        read_approval_rules(settings.approvals)


def build_routes(
    settings: Settings,
    providers: Mapping[str, Provider],
    failing: FailingProviders,
    *,
    check: bool,
) -> Routes:
    """Return the routes, checked where providers are made from settings. Raises SettingsError."""
    change_hold = timedelta(hours=settings.payee_change_hold_hours)
    routes = Routes(providers, read_rules(settings.routes), failing.is_avoided, change_hold)
    if check:  # commands that call no provider pass none, and no rule would fit
        routes.check()
    return routes
