"""Amounts in Stripe's format: whole numbers of the smallest unit, with exceptions.

https://docs.stripe.com/currencies: "zero-decimal currencies", "three-decimal currencies" and
"special cases". The texts of the errors are the simulator's own; Stripe does not publish them.
"""

from __future__ import annotations

from decimal import Decimal

_TWO = """usd aed afn all amd ang aoa ars aud awg azn bam bbd bdt bmd bnd bob brl bsd bwp byn bzd
    cad cdf chf cny cop crc cve czk dkk dop dzd egp etb eur fjd fkp gbp gel gip gmd gtq gyd hkd hnl
    htg huf idr ils inr isk jmd kes kgs khr kyd kzt lak lbp lkr lrd lsl mad mdl mkd mmk mnt mop mur
    mvr mwk mxn myr mzn nad ngn nio nok npr nzd pab pen pgk php pkr pln qar ron rsd rub sar sbd scr
    sek sgd shp sle sos srd std szl thb tjs top try ttd twd tzs uah ugx uyu uzs wst xcd yer zar
    zmw"""
_ZERO = "bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf"
_THREE = "bhd jod kwd omr tnd"

# Decimals of an amount in the API, by currency in capitals.
DECIMALS: dict[str, int] = {
    code.upper(): decimals
    for codes, decimals in ((_ZERO, 0), (_TWO, 2), (_THREE, 3))
    for code in codes.split()
}
# No decimals, but sent with two "to maintain backwards compatibility".
WHOLE = frozenset({"ISK", "UGX"})
# "Stripe treats HUF as a zero-decimal currency for payouts", and TWD.
WHOLE_IN_PAYOUTS = frozenset({"HUF", "TWD"})
LARGEST = 999_999_999_999


def step(currency: str, *, payout: bool) -> int:
    """Return what an amount in the API must be a multiple of."""
    if currency in WHOLE or (payout and currency in WHOLE_IN_PAYOUTS):
        return 100
    # "These API calls require the least-significant (last) digit to be 0."
    return 10 if DECIMALS[currency] == 3 else 1


def decimal_text(currency: str, minor: int) -> str:
    """Format an amount of the API as a decimal: ``12.50`` USD, ``900`` JPY, ``5`` ISK."""
    value = Decimal(minor).scaleb(-DECIMALS[currency])
    if currency in WHOLE and minor % 100 == 0:
        value = value.quantize(Decimal(1))
    return format(value, "f")


def minor_units(currency: str, text: str) -> int:
    """Convert a setting's text to the API's smallest unit."""
    return int(Decimal(text).scaleb(DECIMALS[currency]))
