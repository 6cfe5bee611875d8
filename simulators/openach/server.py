"""OpenACH's server by itself, as a WSGI application: for tests that need no other provider."""

from __future__ import annotations

from flask import Flask

from simulators.common.database import Database
from simulators.common.times import Clock
from simulators.openach.settings import OpenAchSimulatorSettings
from simulators.openach.wiring import add_openach


def openach_app(settings: OpenAchSimulatorSettings, database: Database, clock: Clock) -> Flask:
    """Return an application with OpenACH alone, on a database and a clock."""
    app = Flask(__name__)
    app.json.sort_keys = False  # type: ignore[attr-defined]
    add_openach(app, settings, database, clock)
    return app
