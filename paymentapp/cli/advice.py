"""Advice on a payment, printed: why it waits or was not paid, and what can be done."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from paymentapp.masking import printable

if TYPE_CHECKING:
    from paymentapp.bootstrap import Services
    from paymentapp.models.payments import Payment


def print_advice(payment: Payment, services: Services) -> None:
    """Print the advice on a payment; nothing where it was paid."""
    advice = services.payment_cases.of(payment.key).advice
    if advice is not None:
        click.echo(f"\n{advice.title}: {printable(advice.meaning)}")
        for step in advice.steps:
            click.echo(f"- {step}")
