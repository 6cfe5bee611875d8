"""Adds OpenACH to the simulators: its books, endpoints and faults."""

from __future__ import annotations

from flask import Flask

from simulators.common.database import Database
from simulators.common.times import Clock
from simulators.openach import api, control
from simulators.openach.core import OpenAchSimulator
from simulators.openach.faults import OpenAchFaults
from simulators.openach.settings import OpenAchSimulatorSettings


def add_openach(
    app: Flask, settings: OpenAchSimulatorSettings, database: Database, clock: Clock
) -> OpenAchSimulator:
    """Add OpenACH to an application, on the simulators' database and clock."""
    openach = OpenAchSimulator(settings, database, clock)
    app.extensions["openach_simulator"] = openach
    for module in (api, control):
        app.register_blueprint(module.blueprint)
    app.wsgi_app = OpenAchFaults(app.wsgi_app, openach)  # type: ignore[method-assign]
    return openach
