"""The samples of an exposition, as a scraper reads them."""

from __future__ import annotations

from typing import NamedTuple

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from paymentapp.metrics.base import Metrics


class Samples(NamedTuple):
    """All samples of one scrape."""

    found: list[Sample]

    @property
    def names(self) -> set[str]:
        """Return the names of the samples."""
        return {each.name for each in self.found}

    @property
    def label_values(self) -> set[str]:
        """Return every value of every label."""
        return {value for each in self.found for value in each.labels.values()}

    def of(self, name: str) -> dict[tuple[str, ...], float]:
        """Return the values of a sample by those of its labels, in the order of their names."""
        return {
            tuple(v for _, v in sorted(e.labels.items())): e.value
            for e in self.found
            if e.name == name
        }


def samples_of(metrics: Metrics) -> Samples:
    """Scrape the metrics."""
    exposed = metrics.expose()
    assert exposed is not None
    return samples_in(exposed.body.decode())


def samples_in(text: str) -> Samples:
    """Parse an exposition."""
    families = text_string_to_metric_families(text)
    return Samples([sample for family in families for sample in family.samples])
