"""Return reason codes: why a bank returns an ACH entry, and whether the account may be used again.

Codes and titles: NACHA Operating Rules (2013), Appendix Four, Part 4.2; the later names of R10, R11
and R17, and the later codes R62, R77 and R90, as moov-io/ach's `addenda99.go` has them. The
sentences are ours.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum


class ReturnKind(StrEnum):
    """Which bank sends the code, and about what."""

    RETURN = "return"  # the receiving bank, or an ACH operator, returns an entry
    DISHONORED = "dishonored"  # the originating bank does not accept a return
    CONTESTED = "contested"  # the receiving bank contests a dishonored return
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class ReturnReason:
    """One return code.

    `words` explains it in a sentence, `short` in at most 36 characters. `stop_using`: the account
    must not be paid again until its details have changed.
    """

    code: str
    title: str  # "" for a code that nobody published
    words: str
    stop_using: bool = False
    kind: ReturnKind = ReturnKind.RETURN
    short: str = "Unpublished reason code"

    @property
    def known(self) -> bool:
        """Whether the code is a published one."""
        return bool(self.title)


def return_reason(code: str) -> ReturnReason:
    """Return the reason of a code; an unpublished code is kept as it came.

    Its kind is UNKNOWN, unless it is in the range of codes that dispute a return.
    """
    kind = _kind(code)
    return RETURN_REASONS.get(code) or ReturnReason(
        code,
        "",
        "The bank gave a reason code that nobody has published.",
        kind=ReturnKind.UNKNOWN if kind is ReturnKind.RETURN else kind,
    )


# Subsection 2.12.4: an entry that was returned for these may be tried again, twice at most, within
# 180 days of the day on which the original settled.
FUNDS_RETURNS = frozenset({"R01", "R09"})
MOST_RETRIES = 2
RETRIED_WITHIN = timedelta(days=180)
_DISHONORED = re.compile(r"R6[1-9]|R70")
_CONTESTED = re.compile(r"R7[1-7]")
_STOP = True
_ROWS: tuple[tuple[str, str, str] | tuple[str, str, str, bool], ...] = (
    ("R01", "Insufficient Funds", "The account does not cover the debit."),
    ("R02", "Account Closed", "The account was closed.", _STOP),
    ("R03", "No Account/Unable to Locate Account", "No such account of that person.", _STOP),
    ("R04", "Invalid Account Number Structure", "The account number is malformed.", _STOP),
    (
        "R05",
        "Unauthorized Debit to Consumer Account Using Corporate SEC Code",
        "A company's debit reached a consumer who did not authorize it.",
    ),
    ("R06", "Returned per ODFI's Request", "Our bank asked for it back."),
    ("R07", "Authorization Revoked by Customer", "The holder withdrew the right to debit."),
    ("R08", "Payment Stopped", "The holder stopped this debit."),
    ("R09", "Uncollected Funds", "The account's funds are not collected yet."),
    (
        "R10",
        "Customer Advises Originator is Not Known to Receiver and/or Originator is Not Authorized "
        "by Receiver to Debit Receiver's Account",
        "The holder says that nobody was authorized to debit.",
    ),
    (
        "R11",
        "Customer Advises Entry Not in Accordance with the Terms of the Authorization",
        "The debit was not as the holder had authorized it.",
    ),
    ("R12", "Account Sold to Another DFI", "The account is at another bank now.", _STOP),
    ("R13", "Invalid ACH Routing Number", "That bank does not receive ACH entries.", _STOP),
    (
        "R14",
        "Representative Payee Deceased or Unable to Continue in That Capacity",
        "Who received on another's behalf has died or cannot go on.",
        _STOP,
    ),
    (
        "R15",
        "Beneficiary or Account Holder (Other Than a Representative Payee) Deceased",
        "The holder or the beneficiary has died.",
        _STOP,
    ),
    (
        "R16",
        "Account Frozen/Entry Returned Per OFAC Instruction",
        "The bank, a court or OFAC closed access to the account.",
        _STOP,
    ),
    (
        "R17",
        "File Record Edit Criteria/Entry with Invalid Account Number Initiated Under Questionable "
        "Circumstances",
        "The bank could not process a field, or finds the entry questionable.",
        _STOP,
    ),
    ("R18", "Improper Effective Entry Date", "The effective date is too far ahead."),
    ("R19", "Amount Field Error", "The amount is not one, or may not be what it is."),
    ("R20", "Non-Transaction Account", "The account does not take such entries.", _STOP),
    ("R21", "Invalid Company Identification", "The bank does not know our company id."),
    ("R22", "Invalid Individual ID Number", "The holder is not known by that id."),
    ("R23", "Credit Entry Refused by Receiver", "The holder refused the money.", _STOP),
    ("R24", "Duplicate Entry", "The bank takes the entry for a repetition of another."),
    ("R25", "Addenda Error", "An addenda record is wrong."),
    ("R26", "Mandatory Field Error", "A mandatory field is missing or wrong."),
    ("R27", "Trace Number Error", "A trace number is missing or does not match."),
    ("R28", "Routing Number Check Digit Error", "The routing number is mistyped.", _STOP),
    ("R29", "Corporate Customer Advises Not Authorized", "A company did not authorize a debit."),
    (
        "R30",
        "RDFI Not Participant in Check Truncation Program",
        "The bank takes no truncated cheques.",
    ),
    ("R31", "Permissible Return Entry (CCD and CTX only)", "Our bank agreed to a late return."),
    ("R32", "RDFI Non-Settlement", "The receiving bank could not settle."),
    ("R33", "Return of XCK Entry", "A destroyed cheque's entry was sent back."),
    ("R34", "Limited Participation DFI", "A supervisor limits what that bank may do.", _STOP),
    ("R35", "Return of Improper Debit Entry", "A debit where none may be."),
    ("R36", "Return of Improper Credit Entry", "A credit under an SEC code that has none."),
    ("R37", "Source Document Presented for Payment", "The cheque itself was presented too."),
    ("R38", "Stop Payment on Source Document", "The cheque behind the entry was stopped."),
    (
        "R39",
        "Improper Source Document/Source Document Presented for Payment",
        "The cheque behind the entry may not be used, or was presented too.",
    ),
    ("R40", "Return of ENR Entry by Federal Government Agency", "An enrollment was refused."),
    ("R41", "Invalid Transaction Code", "An enrollment names a wrong transaction code."),
    ("R42", "Routing Number/Check Digit Error", "An enrollment names a wrong routing number."),
    ("R43", "Invalid DFI Account Number", "An enrollment names a wrong account number."),
    ("R44", "Invalid Individual ID Number/Identification Number", "An enrollment's id is wrong."),
    ("R45", "Invalid Individual Name/Company Name", "An enrollment's name is wrong."),
    ("R46", "Invalid Representative Payee Indicator", "An enrollment's indicator is wrong."),
    ("R47", "Duplicate Enrollment", "The enrollment was there before."),
    ("R50", "State Law Affecting RCK Acceptance", "The state's law bars a re-presented cheque."),
    (
        "R51",
        "Item Related to RCK Entry is Ineligible or RCK Entry is Improper",
        "A cheque may not be re-presented like this.",
    ),
    ("R52", "Stop Payment on Item Related to RCK Entry", "A re-presented cheque was stopped."),
    ("R53", "Item and RCK Entry Presented for Payment", "A cheque was presented twice."),
    ("R61", "Misrouted Return", "The return went to the wrong bank."),
    (
        "R62",
        "Return of Erroneous or Reversing Debit",
        "A reversal left the receiver with money that is not theirs.",
    ),
    ("R67", "Duplicate Return", "The entry had been returned before."),
    ("R68", "Untimely Return", "The return came too late."),
    ("R69", "Field Error(s)", "The return has wrong fields."),
    (
        "R70",
        "Permissible Return Entry Not Accepted/Return Not Requested by ODFI",
        "Our bank had not agreed to the return.",
    ),
    ("R71", "Misrouted Dishonored Return", "The dishonored return went to the wrong bank."),
    ("R72", "Untimely Dishonored Return", "The return was dishonored too late."),
    ("R73", "Timely Original Return", "The return was in time after all."),
    ("R74", "Corrected Return", "The return again, corrected."),
    ("R75", "Return Not a Duplicate", "The entry had not been returned before."),
    ("R76", "No Errors Found", "The return had no wrong fields."),
    (
        "R77",
        "Non-Acceptance of R62 Dishonored Return",
        "Both entries were returned, or the money cannot be had back.",
    ),
    ("R80", "IAT Entry Coding Error", "An international entry is coded wrongly."),
    ("R81", "Non-Participant in IAT Program", "The gateway takes no international entries."),
    ("R82", "Invalid Foreign Receiving DFI Identification", "No such bank abroad.", _STOP),
    ("R83", "Foreign Receiving DFI Unable to Settle", "The bank abroad could not settle."),
    ("R84", "Entry Not Processed by Gateway", "The gateway did not take the entry."),
    (
        "R85",
        "Incorrectly Coded Outbound International Payment",
        "The money goes abroad from there: it would have to be an international entry.",
        _STOP,
    ),
    (
        "R90",
        "Entry Returned Due to RDFI's Sanctions Compliance Obligations",
        "The bank's sanctions rules forbid it.",
        _STOP,
    ),
)


def _kind(code: str) -> ReturnKind:
    """Return the kind of a code by its range (Appendix Four, 4.4 and 4.5)."""
    if _DISHONORED.fullmatch(code):
        return ReturnKind.DISHONORED
    return ReturnKind.CONTESTED if _CONTESTED.fullmatch(code) else ReturnKind.RETURN


# What is shown of a payment has a kilobyte for everything: titles of more than 36 characters.
_SHORT = {
    "R05": "Corporate debit to a consumer",
    "R10": "Originator not known to receiver",
    "R11": "Not as authorized by the receiver",
    "R14": "Representative payee has died",
    "R15": "Account holder has died",
    "R16": "Account frozen or barred by OFAC",
    "R17": "Account number invalid or suspect",
    "R29": "Company did not authorize the debit",
    "R30": "Bank takes no truncated checks",
    "R31": "Late return that our bank permitted",
    "R37": "Source document presented too",
    "R39": "Source document improper",
    "R40": "Enrollment returned by the agency",
    "R44": "Invalid individual id number",
    "R46": "Invalid payee indicator",
    "R51": "Item not eligible as RCK entry",
    "R52": "Item behind RCK entry was stopped",
    "R53": "Item and RCK entry presented",
    "R62": "Erroneous or reversing debit",
    "R70": "Return was not permitted by ODFI",
    "R77": "R62 dishonored return not accepted",
    "R82": "Invalid foreign bank",
    "R83": "Foreign bank unable to settle",
    "R85": "Wrongly coded international payment",
    "R90": "Barred by the bank's sanctions rules",
}


def _reason(row: tuple[str, str, str] | tuple[str, str, str, bool]) -> ReturnReason:
    code, title = row[0], row[1]
    short = _SHORT.get(code) or f"{title[:1]}{title[1:].lower()}"
    return replace(ReturnReason(*row), kind=_kind(code), short=short)


RETURN_REASONS = {row[0]: _reason(row) for row in _ROWS}
