"""Commands for the keys that seal customers' account details."""

from __future__ import annotations

import base64

import click

from paymentapp.cli.common import ProgressReport, opened, plural


@click.group()
def vault() -> None:
    """Make and rotate the keys that seal account details."""


@vault.command("new-key")
@click.option("--kms", metavar="KEY", help="Seal it by this AWS KMS key: an id, ARN or alias.")
def new_key(kms: str | None) -> None:
    """Make a key and print it, for PAYMENTAPP_VAULT_KEYS.

    Without --kms it is a secret. With it only that KMS key opens it (set PAYMENTAPP_VAULT_KMS=on),
    and the plain key is not shown at all. To rotate, put the new key before the old one, restart
    everything, and run `paymentapp vault rotate`.
    """
    from paymentapp.vault.sealing import new_key as make

    name, _, key = make().partition(":")
    if kms is not None:
        from paymentapp.vault.kms import wrap

        key = base64.b64encode(wrap(kms, base64.b64decode(key))).decode()
    click.echo(f"{name}:{key}")


@vault.command()
def rotate() -> None:
    """Seal every customer's details again, by the first key of PAYMENTAPP_VAULT_KEYS.

    It may be interrupted and run again. Keep the old key in the setting, after the new one, until
    what was sealed by it is no longer on its way: payments that were accepted before, and files.
    Ninety days are enough for both.
    """
    with opened() as services:
        progress = ProgressReport("rotate")
        looked = renewed = 0
        for customer in services.store.scan_customers():
            looked += 1
            renewed += services.methods.renew(customer)
            progress(f"{plural(looked, 'customer')} looked at")
        click.echo(f"{plural(renewed, 'payment method')} of {plural(looked, 'customer')} renewed")
