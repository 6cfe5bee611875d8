"""A stand-alone OpenACH beside PayPal: profiles, accounts, schedules, and its nightly run.

It is served under ``/openach/api``. It does what the open-source server was seen to do, its traps
included: `docs/decisions/0070-openach.md` lists them. A payee decides what becomes of a payment:

- a holder that begins with ``Refused`` is refused, as a field that the server does not take;
- an account number that begins with ``WAIT`` is left out by every nightly run;
- one that begins with a return code (``R03``) is returned by the bank, which only the ledger at
  ``/_simulator/openach`` shows: the API does not tell.
"""

from simulators.openach.settings import OpenAchSimulatorSettings

__all__ = ["OpenAchSimulatorSettings"]
