"""A receiver of webhooks: verifies each one, stores its event once, and answers.

    pip install flask standardwebhooks
    WEBHOOK_SECRET=whsec_... python examples/receiver.py [PORT [DATABASE]]

Register `http://127.0.0.1:8010/events` first, as an endpoint of a service on this machine (`make
run`, or another one with PAYMENTAPP_WEBHOOKS_ALLOW_LOOPBACK=on): the answer has the secret. In
production an endpoint is an https URL. `curl/receive.sh` does all of it.
"""

from __future__ import annotations

import os
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

from flask import Flask, Response, request
from standardwebhooks import Webhook, WebhookVerificationError


def create_receiver(secret: str, database: Path) -> Flask:
    """Return the receiver; events are stored in an SQLite file, by their ids."""
    webhook = Webhook(secret)
    app = Flask(__name__)
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute(
            "CREATE TABLE IF NOT EXISTS Events (id TEXT PRIMARY KEY, type TEXT, body TEXT)"
        )

    @app.post("/events")
    def receive() -> Response:
        body = request.get_data()
        try:
            event = webhook.verify(body, dict(request.headers))  # the signature, and its age
        except (WebhookVerificationError, ValueError):  # the latter for headers that are none
            return Response("not signed for this endpoint", 400)
        # Webhooks come at least once: an id that is stored already is answered like a new one. What
        # is to be done about an event belongs after this write, in a job that reads the table.
        with closing(sqlite3.connect(database)) as connection, connection:
            connection.execute(
                "INSERT INTO Events VALUES (?, ?, ?) ON CONFLICT (id) DO NOTHING",
                (request.headers["webhook-id"], event["type"], body.decode()),
            )
        print(event["type"], body.decode())  # noqa: T201 - for whoever tries it out
        return Response(status=204)

    return app


if __name__ == "__main__":
    port, database = [*sys.argv[1:], *("8010", "received.db")[len(sys.argv) - 1 :]]
    create_receiver(os.environ["WEBHOOK_SECRET"], Path(database)).run(port=int(port))
