"""A local bank: takes NACHA files from a folder as a bank does, keeps books, and answers by files.

It reads and writes the format by itself, so that it agrees with the service by the specification
and by nothing else. What an account's number begins with decides what becomes of a credit to it:

- `R03` and other return codes: it is sent back with that code; with `L` in front (`LR03`), late.
- `C01` to `C07`: it is paid, and a notification of change follows.
- anything else: it is paid; a corporate credit (CCD) is acknowledged.
"""

from simulators.bank.bank import BankSimulator
from simulators.bank.books import BankBooks, BankCredit

__all__ = ["BankBooks", "BankCredit", "BankSimulator"]
