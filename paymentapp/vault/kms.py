"""AWS KMS: the vault's keys are stored encrypted, and decrypted once a process.

https://docs.aws.amazon.com/kms/latest/APIReference/API_Decrypt.html: the ciphertext names its KMS
key; the process's IAM role decides whether it may use it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from paymentapp.config import Settings
from paymentapp.errors import Misconfigured, NotSent


def open_key_service(settings: Settings) -> Callable[[bytes], bytes] | None:
    """Return what decrypts the vault's keys by AWS KMS; None where the keys are plain."""
    return unwrap if settings.vault_kms else None


def unwrap(sealed: bytes) -> bytes:
    """Decrypt a key. Raises Misconfigured where KMS refuses, NotSent where it does not answer."""
    answer: bytes = _call("decrypt", CiphertextBlob=sealed)["Plaintext"]
    return answer


def wrap(key_id: str, key: bytes) -> bytes:
    """Encrypt a key by the KMS key of that id, ARN or alias. Raises as `unwrap`."""
    answer: bytes = _call("encrypt", KeyId=key_id, Plaintext=key)["CiphertextBlob"]
    return answer


def _call(operation: str, **request: Any) -> Any:
    """Call KMS; botocore is imported here since it is slow to load, and most starts need no key."""
    import botocore.session
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    config = Config(
        connect_timeout=1, read_timeout=3, retries={"mode": "standard", "total_max_attempts": 3}
    )
    try:
        client = botocore.session.get_session().create_client("kms", config=config)
        return getattr(client, operation)(**request)
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "unknown")
        raise Misconfigured(f"KMS_{code}") from error
    except BotoCoreError as error:
        raise NotSent(f"KMS_{type(error).__name__}") from error
