"""The details that Stripe's payees have, with what is right of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from paymentapp.errors import NotPayable
from paymentapp.models.customers import EMAIL_PATTERN
from paymentapp.providers.base import Detail
from paymentapp.providers.stripe.recipients import BankDetails, has_iban_check_digits, is_iban

_NAME = r"[^\s\x00-\x1f\x7f]( ?[^\s\x00-\x1f\x7f]){0,59}"
_NAME_PROBLEM = "Up to 60 characters, without blanks around them or two in a row."

CONNECTED: Sequence[Detail] = (
    Detail(
        "account",
        "The id of the customer's account that is connected to the platform.",
        r"acct_[A-Za-z0-9]{1,50}",
        "Not the id of a connected account (acct_ and letters and digits).",
        required=False,
    ),
    Detail(
        "payout",
        "Of a connected account: whether the money is paid out to the account's bank or card: "
        "standard (in days), instant (to a debit card, for a fee) or none, which leaves it in the "
        "account.",
        "none|standard|instant",
        "Must be none, standard or instant.",
        required=False,
    ),
)
MADE: Sequence[Detail] = (
    Detail(
        "recipient",
        "Instead of `account`, for Global Payouts: the id of a recipient that was made at Stripe, "
        "such as by its form; `payout_method` is the other part.",
        r"acct_[A-Za-z0-9_]{1,80}",
        "Not the id of a recipient (acct_ and letters, digits and _).",
        required=False,
    ),
    Detail(
        "payout_method",
        "Of a `recipient`: the id of the bank account or card to pay to.",
        r"[a-z]{2,10}_[A-Za-z0-9_]{1,80}",
        "Not the id of a payout method, such as usba_ and letters and digits.",
        required=False,
    ),
)
NEW: Sequence[Detail] = (
    Detail(
        "given_name",
        "Instead of `account`, for Global Payouts: the first name of a person for whom a "
        "recipient is made at Stripe, with `surname`, `email`, `country` and a bank account.",
        _NAME,
        _NAME_PROBLEM,
        required=False,
    ),
    Detail("surname", "The person's last name.", _NAME, _NAME_PROBLEM, required=False),
    Detail(
        "company",
        "The registered name of a company, instead of a person's names.",
        _NAME,
        _NAME_PROBLEM,
        required=False,
    ),
    Detail(
        "email",
        "The recipient's e-mail, to which Stripe may write of payments.",
        EMAIL_PATTERN,
        "Not an e-mail address (ASCII, name@host.domain).",
        required=False,
    ),
    Detail(
        "country",
        "The country of the recipient and their bank, ISO 3166-1 alpha-2, such as US.",
        "[A-Z]{2}",
        "Two capital letters.",
        required=False,
    ),
    Detail(
        "currency",
        "The currency of the bank account, ISO 4217: payments in others are not taken.",
        "[A-Z]{3}",
        "Three capital letters.",
        required=False,
    ),
    Detail(
        "account_number",
        "The number of the bank account, or its IBAN, without blanks.",
        "[A-Z0-9]{4,34}",
        "4 to 34 capital letters and digits, without blanks.",
        required=False,
    ),
    Detail(
        "routing_number",
        "The bank's routing number, sort code or the like, where its country has them.",
        "[A-Z0-9]{3,20}",
        "3 to 20 capital letters and digits, without blanks.",
        required=False,
    ),
    Detail(
        "branch_number",
        "The branch's number, where its country has them.",
        "[A-Z0-9]{1,20}",
        "1 to 20 capital letters and digits.",
        required=False,
    ),
    Detail(
        "swift_code",
        "The bank's BIC, where its country requires it.",
        "[A-Z]{6}[A-Z0-9]{2}([A-Z0-9]{3})?",
        "8 or 11 capital letters and digits.",
        required=False,
    ),
    Detail(
        "account_type",
        "The kind of account, where its country has them: futsu and toza are Japan's.",
        "checking|savings|futsu|toza",
        "Must be checking, savings, futsu or toza.",
        required=False,
    ),
)
DETAILS = (*CONNECTED, *MADE, *NEW)
_OPTIONAL_NEW = {"routing_number", "branch_number", "swift_code", "account_type"}
_NAMES = ("given_name", "surname", "company")


def kind_of(details: Mapping[str, str]) -> Sequence[Detail]:
    """Return which of the three groups of details these are of. Raises NotPayable."""
    given = [each for each in (CONNECTED, MADE, NEW) if any(d.name in details for d in each)]
    if not given:
        raise NotPayable("account", "Missing detail: an account, a recipient or a bank account.")
    if len(given) > 1:
        strange = next(each.name for each in given[1] if each.name in details)
        beside = next(each.name for each in given[0] if each.name in details)
        raise NotPayable(strange, f"Does not go with {beside}.")
    return given[0]


def require(details: Mapping[str, str], *names: str) -> None:
    """Raise NotPayable for the first of these that is missing."""
    for name in names:
        if name not in details:
            raise NotPayable(name, "Missing detail.")


def bank_details(details: Mapping[str, str]) -> BankDetails:
    """Return the details of a recipient to be made, checked together. Raises NotPayable."""
    if "company" in details:
        person = next((name for name in ("given_name", "surname") if name in details), None)
        if person is not None:
            raise NotPayable(person, "Does not go with company.")
    else:
        require(details, "given_name", "surname")
    needed = (each.name for each in NEW if each.name not in {*_OPTIONAL_NEW, *_NAMES})
    require(details, *needed)
    bank = BankDetails(**details)
    if is_iban(bank.account_number) and not has_iban_check_digits(bank.account_number):
        raise NotPayable("account_number", "Not an IBAN: its check digits do not fit.")
    if bank.country == "US":
        _check_us(bank)
    return bank


def _check_us(bank: BankDetails) -> None:
    """Check a US account by the rules of the banks there. Raises NotPayable."""
    from paymentapp.banking.routing import BankDetailError, check_routing

    if not bank.routing_number:
        raise NotPayable("routing_number", "Missing detail: accounts in the US have one.")
    try:
        check_routing(bank.routing_number)
    except BankDetailError as error:
        raise NotPayable("routing_number", f"It {error.rule}.") from None
