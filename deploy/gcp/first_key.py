"""Create a key of the service and keep it in Secret Manager, so that no log has it.

The job `key` runs it in the image, with the key's name and options of `paymentapp keys create`. A
key that could not be kept is revoked.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Mapping, Sequence

CALL_SECONDS = 30
_TOKEN_PATH = "/computeMetadata/v1/instance/service-accounts/default/token"  # noqa: S105 - a path


def main(arguments: Sequence[str]) -> int:
    """Return the exit status."""
    command = ["paymentapp", "keys", "create", "--json", *arguments]
    made = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if made.returncode:
        return made.returncode
    key = json.loads(made.stdout)
    try:
        keep(key["key"])
    except (OSError, ValueError, KeyError) as error:
        print(f"not kept ({type(error).__name__}); it is revoked", file=sys.stderr)
        revoke = ["paymentapp", "keys", "revoke", key["key_id"]]
        subprocess.run(revoke, check=True)
        return 1
    print(f"kept as the latest version of {os.environ['FIRST_KEY_SECRET']}", file=sys.stderr)
    return 0


def keep(text: str) -> None:
    """Add a version to the secret (cloud.google.com/secret-manager/docs, addVersion)."""
    host = os.environ.get("GCE_METADATA_HOST", "metadata.google.internal")
    token = call(f"http://{host}{_TOKEN_PATH}", {"Metadata-Flavor": "Google"})["access_token"]
    service = os.environ.get("SECRET_MANAGER_URL", "https://secretmanager.googleapis.com")
    call(
        f"{service}/v1/{os.environ['FIRST_KEY_SECRET']}:addVersion",
        {"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        {"payload": {"data": base64.b64encode(text.encode()).decode()}},
    )


def call(url: str, headers: Mapping[str, str], body: object = None) -> dict[str, object]:
    """Return the JSON of an answer. Raises OSError for one that is not 2xx, and ValueError."""
    data = None if body is None else json.dumps(body).encode()
    # Its addresses are Google's, by https, and the instance's own metadata server.
    request = urllib.request.Request(url, data, dict(headers))  # noqa: S310
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=CALL_SECONDS) as answer:
        found: dict[str, object] = json.loads(answer.read())
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
