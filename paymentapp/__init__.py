"""Paymentapp: a disbursement service that pays people exactly once.

`create_app` returns the web application; `bootstrap` builds the services behind it. Importing the
package builds nothing, and loads no library that a part of the service may never need.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from paymentapp.bootstrap import Services


def create_app(services: Services | None = None) -> Flask:
    """Return the Flask application over `services`, by default built from the environment.

    The application by itself dispatches nothing; `server.serving_app` starts a worker as well.
    Raises SettingsError.
    """
    from flask import Flask

    from paymentapp.api import register_api
    from paymentapp.bootstrap import EXTENSION, build_services

    app = Flask(__name__, static_folder=None)
    app.extensions[EXTENSION] = services or build_services()
    if services is None:  # as by `flask --app paymentapp run`
        logging.getLogger(__name__).warning(
            "this process accepts payments and dispatches nothing: they wait until `paymentapp "
            "worker` or `paymentapp run` has the same store"
        )
    register_api(app)
    return app
