"""Everything that is declared, the service's and the providers', beside what is set of it."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from paymentapp.config import Settings
from paymentapp.errors import SettingsError
from paymentapp.providers.registry import configured_names, every_provider, provider_class
from paymentapp.variables import Declared, Variable, Variables, variables_of

log = logging.getLogger(__name__)

PREFIX = "PAYMENTAPP_"
# Variables that begin so and are others': the simulators', the scripts' in curl/, the tests'.
_SIMULATORS = "PAYMENTAPP_SIMULATOR_"
_OTHERS = {
    *("PAYMENTAPP_URL", "PAYMENTAPP_KEY"),
    *("PAYMENTAPP_SPECS", "PAYMENTAPP_LIVE_RECEIVER"),
}


class Group(NamedTuple):
    """The settings of one part. `provider` is empty for the service's own."""

    settings: type[Declared]
    provider: str = ""

    @property
    def variables(self) -> list[Variable]:
        return list(variables_of(self.settings).values())


class State(NamedTuple):
    """A variable beside what it is set to. `shown` has no secret in it, and nothing wrong."""

    variable: Variable
    shown: str
    problem: str | None


def groups() -> list[Group]:
    """Return every group; imports every provider."""
    providers = every_provider().items()
    return [Group(Settings), *(Group(each.settings_class, name) for name, each in providers)]


def states(group: Group, environ: Mapping[str, str]) -> list[State]:
    """Return how each variable of a group stands."""
    required = group.provider in {"", *configured_names(Variables(environ))}
    return [_state(each, environ, required) for each in group.variables]


def _state(variable: Variable, environ: Mapping[str, str], required: bool) -> State:
    value = " ".join(environ.get(variable.name, "").split())
    problem = None
    if value or required:
        try:
            variable.read(environ)
        except SettingsError as error:
            problem = str(error)
    if not value:
        return State(variable, "not set", problem)
    shown = "set" if variable.secret else variable.kind.show(value)
    return State(variable, "wrong" if problem else shown, problem)


def unknown(environ: Mapping[str, str]) -> dict[str, str]:
    """Return names that are set as if they were this service's and are not, each with the name
    that may have been meant, or with an empty one.

    Only the providers that are asked for are imported, as long as all is well.
    """
    asked = [provider_class(name).settings_class for name in configured_names(Variables(environ))]
    strange = set(_named_like_ours(environ)) - _names([Settings, *asked])
    if not strange:
        return {}
    known = _names(group.settings for group in groups())
    return {name: _nearest(name, known) for name in sorted(strange - known)}


def warn_of_unknown(environ: Mapping[str, str]) -> None:
    """Log each unknown name, without its value. For once in a process that serves."""
    for name, meant in unknown(environ).items():
        hint = f": is {meant} meant?" if meant else ""
        log.warning("%s is set, and no setting of this service%s", name, hint)


def _named_like_ours(environ: Mapping[str, str]) -> Iterator[str]:
    for name, value in environ.items():
        ours = name.startswith(PREFIX) and not name.startswith(_SIMULATORS)
        if ours and name not in _OTHERS and value.strip():
            yield name


def _names(settings: Iterator[type[Declared]] | list[type[Declared]]) -> set[str]:
    return {each.name for part in settings for each in variables_of(part).values()}


def _nearest(name: str, known: set[str]) -> str:
    """Return the most similar known name, compared without the prefix that all share."""
    from difflib import get_close_matches  # here: it costs a cold start

    by_rest = {each.removeprefix(PREFIX): each for each in known}
    found = get_close_matches(name.removeprefix(PREFIX), by_rest, n=1)
    return by_rest[found[0]] if found else ""
