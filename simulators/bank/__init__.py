"""A simulated bank: takes NACHA files from a folder, books their entries, and answers by files.

It has its own reader and writer of the format, so that it agrees with the service only by the
specification. The first characters of an account number decide what becomes of a credit to it:

- `R03` and other return codes: it is returned with that code; with `L` in front (`LR03`), late;
  with `F`, under the transaction code of the entry itself; with `T`, under another trace number;
  with `D`, only a debit that takes a credit back is returned.
- `C01` to `C07`: it is paid, and a notification of change follows.
- anything else: it is paid; a corporate credit (CCD) is acknowledged.
"""

from simulators.bank.bank import BankSimulator
from simulators.bank.books import BankBooks, BankCredit

__all__ = ["BankBooks", "BankCredit", "BankSimulator"]
