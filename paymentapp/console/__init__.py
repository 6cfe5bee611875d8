"""The console: pages for the people who run the service, at /console.

Each page is a view that calls the services that the API calls, with the rights of who is signed in.
It is HTML from templates; the scripts only spare reloads, so everything can be read and done
without them.
"""

from __future__ import annotations

from typing import cast

from flask import Flask

from paymentapp.api.auth import CALLERS, Callers, check_declarations
from paymentapp.bootstrap import EXTENSION, Services
from paymentapp.console.blueprint import blp
from paymentapp.console.errors import register_errors
from paymentapp.console.layout import register_layout
from paymentapp.console.sessions import check_session, presented_secret

# Modules of pages register their views on the blueprint when they are imported.
from paymentapp.console import issuer_sign_in, paths  # isort: skip  # noqa: F401
from paymentapp.console import assets, sign_in, today  # isort: skip  # noqa: F401
from paymentapp.console import payment_actions, payment_record, payments, reversals  # isort: skip  # noqa: F401
from paymentapp.console import record_words, holds, approvals, limits, reports  # isort: skip  # noqa: F401
from paymentapp.console import customers, customer_records, customer_methods, customer_payments  # isort: skip  # noqa: F401
from paymentapp.console import batches, bulk, bulk_orders, inbox, webhooks  # isort: skip  # noqa: F401

register_errors(blp)
register_layout(blp)


def register_console(app: Flask) -> None:
    """Register the console on an app that has the API. Raises SettingsError."""
    _ = cast(Services, app.extensions[EXTENSION]).issuer_sign_in  # its settings are checked now
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.extensions[CALLERS][blp.name] = Callers(presented_secret, check_session)
    app.register_blueprint(blp)
    check_declarations(app)
