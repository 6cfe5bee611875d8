"""Company Entry Descriptions: what an entry is for, in ten characters, and texts that rules fix.

NACHA Operating Rules (2013), Appendix Three, 3.2.2, Company Entry Description. Since 2026-03-20 a
PPD credit of wages, salaries and the like has PAYROLL there, in capital letters, and an e-commerce
purchase PURCHASE (Nacha, "Risk Management Topics: Company Entry Descriptions").
"""

from __future__ import annotations

REVERSAL = "REVERSAL"  # Sections 2.9 and 2.10: it takes an erroneous entry back
RETRY_PAYMENT = "RETRY PYMT"  # Subsection 2.12.4: an entry that was returned, tried again
# By these the rules mean other entries than a company's own payments.
RESERVED_DESCRIPTIONS = (
    REVERSAL,
    RETRY_PAYMENT,
    "RECLAIM",
    "NONSETTLED",
    "RETURN FEE",
    "AUTOENROLL",
    "REDEPCHECK",
    "ACCTVERIFY",
)
