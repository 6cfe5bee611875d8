"""The commands `vault`: create and rotate the keys that seal account details."""

from __future__ import annotations

import base64

import click

from paymentapp.cli.common import (
    ProgressReport,
    echo_record,
    opened,
    plural,
    with_json,
    with_operator,
)
from paymentapp.models.actors import Actor


@click.group()
def vault() -> None:
    """Create and rotate the keys that seal account details."""


@vault.command("new-key")
@click.option("--kms", metavar="KEY", help="Encrypt it with this AWS KMS key: an id, ARN or alias.")
def new_key(kms: str | None) -> None:
    """Create a key and print it, for PAYMENTAPP_VAULT_KEYS.

    Without --kms the output is a secret. With it, only that KMS key can decrypt the output (set
    PAYMENTAPP_VAULT_KMS=on), and the plain key is never shown. To rotate, put the new key before
    the old one, restart all processes, and run `paymentapp vault rotate`.
    """
    from paymentapp.vault.sealing import new_key as make

    name, _, key = make().partition(":")
    if kms is not None:
        from paymentapp.vault.kms import wrap

        key = base64.b64encode(wrap(kms, base64.b64decode(key))).decode()
    click.echo(f"{name}:{key}")


@vault.command(short_help="Seal all details with the first key.")
@with_json
@with_operator
def rotate(as_json: bool, by: Actor) -> None:
    """Seal every customer's details with the first key of PAYMENTAPP_VAULT_KEYS.

    The details in customers' histories, and the secrets of webhook endpoints, are sealed again as
    well.

    It may be interrupted and run again. Keep the old key in the setting, after the new one, as long
    as payments and files that were sealed with it are in progress: 90 days are enough for both.
    """
    with opened() as services:
        progress = ProgressReport("rotate")
        checked = renewed = 0
        for customer in services.store.scan_customers():
            checked += 1
            renewed += services.methods.renew(customer, by)
            services.history.renew(customer.customer_id)
            progress(f"{plural(checked, 'customer')} checked")
        secrets = services.webhook_endpoints.renew()
    if as_json:
        counts = {"customers": checked, "payment_methods": renewed, "webhook_secrets": secrets}
        echo_record(counts)
        return
    if secrets:
        click.echo(f"{plural(secrets, 'webhook secret')} renewed")
    click.echo(f"{plural(renewed, 'payment method')} of {plural(checked, 'customer')} renewed")
