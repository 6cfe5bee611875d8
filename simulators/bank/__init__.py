"""A local bank: takes NACHA files from a folder, keeps books, and answers with files.

It parses and writes the format independently, so that it agrees with the service by the
specification alone. The beginning of an account number decides what happens to a credit:

- `R03` and other return codes: it is returned with that code; with `L` in front (`LR03`), late.
- `C01` to `C07`: it is paid, and a notification of change follows.
- anything else: it is paid; a corporate credit (CCD) is acknowledged.
"""

from simulators.bank.bank import BankSimulator
from simulators.bank.books import BankBooks, BankCredit

__all__ = ["BankBooks", "BankCredit", "BankSimulator"]
