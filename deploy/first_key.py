"""Create a key of the service and keep it in the cloud's store of secrets, so that no log has it.

The jobs of deploy/gcp and deploy/azure run it in the image, with the key's name and options of
`paymentapp keys create`. After `--if-none` it does nothing where there is a valid key: without one,
the service does not start. A key that could not be kept is revoked.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

CALL_SECONDS = 30
IF_NONE = "--if-none"
_TOKEN_PATH = "/computeMetadata/v1/instance/service-accounts/default/token"  # noqa: S105 - a path


def main(arguments: Sequence[str]) -> int:
    """Return the exit status."""
    if arguments[:1] == [IF_NONE]:
        if has_key():
            return 0
        arguments = arguments[1:]
    command = ["paymentapp", "keys", "create", "--json", *arguments]
    made = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if made.returncode:
        return made.returncode
    key = json.loads(made.stdout)
    try:
        place = keep(key["key"])
    except (OSError, ValueError, KeyError) as error:
        print(f"not kept ({type(error).__name__}); it is revoked", file=sys.stderr)
        revoke = ["paymentapp", "keys", "revoke", key["key_id"]]
        subprocess.run(revoke, check=True)
        return 1
    print(f"kept as the latest version of {place}", file=sys.stderr)
    return 0


def has_key() -> bool:
    """Return whether there is a valid key."""
    command = ["paymentapp", "keys", "list", "--json"]
    listed = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return any(key["state"] == "valid" for key in json.loads(listed.stdout)["keys"])


def keep(text: str) -> str:
    """Keep a key as a secret's new version; return the secret's name."""
    if "FIRST_KEY_VAULT" in os.environ:
        return keep_in_key_vault(text, os.environ["FIRST_KEY_VAULT"].rstrip("/"))
    return keep_in_secret_manager(text, os.environ["FIRST_KEY_SECRET"])


def keep_in_secret_manager(text: str, secret: str) -> str:
    """Add a version to a secret of Google's (cloud.google.com/secret-manager/docs, addVersion)."""
    host = os.environ.get("GCE_METADATA_HOST", "metadata.google.internal")
    token = call(f"http://{host}{_TOKEN_PATH}", {"Metadata-Flavor": "Google"})["access_token"]
    service = os.environ.get("SECRET_MANAGER_URL", "https://secretmanager.googleapis.com")
    call(
        f"{service}/v1/{secret}:addVersion",
        {"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        {"payload": {"data": base64.b64encode(text.encode()).decode()}},
        "POST",
    )
    return secret


def keep_in_key_vault(text: str, vault: str) -> str:
    """Set a secret of Azure's (learn.microsoft.com/rest/api/keyvault/secrets/set-secret)."""
    query = {
        "resource": "https://vault.azure.net",
        "client_id": os.environ["AZURE_CLIENT_ID"],
        "api-version": "2019-08-01",
    }
    header = {"X-IDENTITY-HEADER": os.environ["IDENTITY_HEADER"]}
    token = call(f"{os.environ['IDENTITY_ENDPOINT']}?{urlencode(query)}", header)["access_token"]
    call(
        f"{vault}/secrets/first-key?api-version=7.4",
        {"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        {"value": text},
        "PUT",
    )
    return f"{vault}/secrets/first-key"


def call(
    url: str, headers: Mapping[str, str], body: object = None, method: str = "GET"
) -> dict[str, object]:
    """Return the JSON of an answer. Raises OSError for one that is not 2xx, and ValueError."""
    data = None if body is None else json.dumps(body).encode()
    # Its addresses are the cloud's, by https, and the instance's own metadata endpoint.
    request = urllib.request.Request(url, data, dict(headers), method=method)  # noqa: S310
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=CALL_SECONDS) as answer:
        found: dict[str, object] = json.loads(answer.read())
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
