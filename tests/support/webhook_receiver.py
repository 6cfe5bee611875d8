"""A process that receives webhooks by the example: `python -m tests.support.webhook_receiver`.

Arguments: port and database; the secret is in WEBHOOK_SECRET. What is not signed is counted in a
file beside the database.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from typing import Any

from werkzeug.serving import make_server

from tests.support.service import ROOT


def example_receiver(secret: str, database: Path) -> Any:
    """Load the example of a receiver; return its Flask app."""
    spec = importlib.util.spec_from_file_location("receiver", ROOT / "examples" / "receiver.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.create_receiver(secret, database)


def main() -> None:
    """Serve until the process is ended."""
    port, database = int(sys.argv[1]), Path(sys.argv[2])
    app = example_receiver(os.environ["WEBHOOK_SECRET"], database)

    @app.after_request  # type: ignore[untyped-decorator]  # of a module that is loaded by its path
    def note(response: Any) -> Any:
        if response.status_code == 400:
            with database.with_suffix(".refused").open("a") as refused:
                refused.write("not signed\n")
        return response

    make_server("127.0.0.1", port, app, threaded=True).serve_forever()


if __name__ == "__main__":
    main()
