"""How often, and how soon, a compare-and-swap that another writer has won is tried again."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator

# Each try that fails means that another writer has succeeded; one that fails so often in a row is a
# fault, and must not hold a thread for ever.
MAX_TRIES = 100
_AT_ONCE = 2  # tries that are not delayed
_LONGEST_PAUSE = 0.1  # seconds; so all tries together take 5 seconds on average


def tries(sleep: Callable[[float], object] = time.sleep) -> Iterator[int]:
    """Yield the numbers of MAX_TRIES tries, with a pause before each but the first two.

    The pause is random, up to a bound that doubles from 2 ms: writers that met once are apart then.
    """
    for number in range(MAX_TRIES):
        if number >= _AT_ONCE:
            bound = min(_LONGEST_PAUSE, 0.001 * 2.0 ** min(number - 1, 10))
            sleep(random.uniform(0, bound))  # noqa: S311  # no secret
        yield number
