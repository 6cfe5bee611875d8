"""The services that show people what is on record, each built at its first use.

A part of the composition root, between `bootstrap_dispatch` and `bootstrap.Services`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from paymentapp.bootstrap_dispatch import DispatchServices
from paymentapp.built_once import built_once

if TYPE_CHECKING:
    from paymentapp.services.overview import Overview
    from paymentapp.services.payment_cases import PaymentCases
    from paymentapp.services.reports import PaymentReports
    from paymentapp.services.today import Today
    from paymentapp.services.waiting import Waiting


class ReadingServices(DispatchServices):
    """The services that dispatch, and those that only read."""

    @built_once
    def waiting(self) -> Waiting:
        """Return what says what payments wait for."""
        from paymentapp.services.waiting import Waiting

        return Waiting(self.store, self.holds, self.clock)

    @built_once
    def reports(self) -> PaymentReports:
        """Return the reports of payments."""
        from paymentapp.services.reports import PaymentReports

        return PaymentReports(self.store, self.payees)

    @built_once
    def overview(self) -> Overview:
        """Return the overview of what is open."""
        from paymentapp.services.overview import Overview

        return Overview(self.store, self.providers, self.reports, self.waiting, self.holds)

    @built_once
    def today(self) -> Today:
        """Return the figures of the page of today."""
        from paymentapp.services.today import Today

        return Today(self.overview, self.reports, self.clock, self.timer)

    @built_once
    def payment_cases(self) -> PaymentCases:
        """Return what gathers all about one payment."""
        from paymentapp.services.payment_cases import PaymentCases

        return PaymentCases(self.store, self.payees, self.waiting, self.holds, self.clock)
