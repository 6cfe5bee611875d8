"""What is odd about a file of the bank and its entries: missing records, wrong codes."""

from __future__ import annotations

from collections.abc import Iterator

from paymentapp.banking import return_reason
from paymentapp.masking import printable
from paymentapp.nacha import (
    TRANSACTION_CODES,
    Completeness,
    Entry,
    Finding,
    NachaRule,
    Purpose,
    ReadFile,
    Return,
)


def is_unexplained(entry: Entry) -> bool:
    """Return whether an entry is a return by its transaction code, without addenda to say so."""
    code = TRANSACTION_CODES.get(entry.transaction_code)
    return code is not None and code.purpose is Purpose.RETURN and not entry.addenda


def oddities(each: Return) -> Iterator[str]:
    """Yield what is odd about a return that is one all the same."""
    if not return_reason(each.code).known:
        yield f"the reason code {printable(each.code) or '(none)'} is not a published one"
    code = TRANSACTION_CODES.get(each.transaction_code)
    if code is None or code.purpose is not Purpose.RETURN:
        shown = printable(each.transaction_code)
        yield f"the transaction code {shown} is not that of a return"


def missing_records(found: ReadFile) -> str:
    """Return the finding that shows that records are missing."""
    if found.completeness is Completeness.COMPLETE:
        return ""
    if found.completeness is Completeness.UNVERIFIED:
        return "it has no control records, so that nothing says whether it is whole"
    return next(map(_described, filter(_tells_of_loss, found.findings)), "it is not whole")


def _tells_of_loss(finding: Finding) -> bool:
    return finding.rule in (
        NachaRule.CONTROL_COUNT,
        NachaRule.BATCH_CONTROL,
        NachaRule.FILE_CONTROL,
        NachaRule.ORDER,
        NachaRule.RECORD_TYPE,
        NachaRule.LENGTH,
        NachaRule.ADDENDA_MISSING,
    )


def _described(finding: Finding) -> str:
    line = f"line {finding.line}: " if finding.line else ""
    return f"records are missing: {line}{finding.rule} {finding.words}"
