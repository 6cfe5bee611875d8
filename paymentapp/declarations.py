"""All declared settings, of the service and of its providers, with the values that are set."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from paymentapp.config import Settings
from paymentapp.errors import SettingsError
from paymentapp.logs import LogSettings
from paymentapp.oidc.settings import OidcSettings
from paymentapp.providers.registry import configured_names, every_provider, provider_class
from paymentapp.tracing import TracingSettings
from paymentapp.variables import Declared, Variable, Variables, variables_of

log = logging.getLogger(__name__)

PREFIX = "PAYMENTAPP_"
# Variables with the prefix that are not the product's: of the simulators, of curl/, of the tests.
_SIMULATORS = "PAYMENTAPP_SIMULATOR_"
_ALMOST = 0.85  # of 1: a letter or two that are missing, too many, wrong or exchanged
_OTHERS = {
    *("PAYMENTAPP_URL", "PAYMENTAPP_KEY"),
    *("PAYMENTAPP_SPECS", "PAYMENTAPP_LIVE_RECEIVER"),
}


class Group(NamedTuple):
    """The settings of one part; `provider` is empty for the service's own."""

    settings: type[Declared]
    provider: str = ""

    @property
    def variables(self) -> list[Variable]:
        """Return the declarations, in order."""
        return list(variables_of(self.settings).values())


class State(NamedTuple):
    """A variable and its value. `shown` contains no secret, and no value that is wrong."""

    variable: Variable
    shown: str
    problem: str | None


def groups() -> list[Group]:
    """Return every group. Imports every provider."""
    providers = every_provider().items()
    own = [Group(each) for each in (Settings, LogSettings, TracingSettings, OidcSettings)]
    return [*own, *(Group(each.settings_class, name) for name, each in providers)]


def states(group: Group, environ: Mapping[str, str]) -> list[State]:
    """Return the state of each variable of a group."""
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
    """Return names that are set and begin as ours do, but are none of our settings.

    Each comes with the most similar setting, or with an empty text. While all names are known,
    only the configured providers are imported.
    """
    configured = [
        provider_class(name).settings_class for name in configured_names(Variables(environ))
    ]
    misspelt = _misspelt_elsewhere(environ, _names(configured))
    unexpected = set(_named_like_ours(environ)) - _names([Settings, OidcSettings, *configured])
    if not unexpected:
        return misspelt
    known = _names(group.settings for group in groups())
    return {name: _nearest(name, known) for name in sorted(unexpected - known)} | misspelt


def _misspelt_elsewhere(environ: Mapping[str, str], settings: set[str]) -> dict[str, str]:
    """Return names that were meant to be settings of a provider's without our prefix.

    Other programs have variables of that provider too. So a name counts only where it is almost the
    name of a setting that has no value: `X_CLINET_ID` is, `X_MODE` is not.
    """
    open_names = {
        each for each in settings if not each.startswith(PREFIX) and not environ.get(each, "")
    }
    begins = {f"{each.partition('_')[0]}_" for each in open_names}
    found = {}
    for name, value in sorted(environ.items()):
        begin = f"{name.partition('_')[0]}_"
        if begin in begins and name not in settings and value.strip():
            found[name] = _nearest(name, open_names, begin, _ALMOST)
    return {name: meant for name, meant in found.items() if meant}


def warn_of_unknown(environ: Mapping[str, str]) -> None:
    """Log each unknown name, without its value. Call it once, at the start of a process."""
    for name, meant in unknown(environ).items():
        hint = f": is {meant} meant?" if meant else ""
        log.warning("%s is set, but is no setting of this service%s", name, hint)


def _named_like_ours(environ: Mapping[str, str]) -> Iterator[str]:
    for name, value in environ.items():
        ours = name.startswith(PREFIX) and not name.startswith(_SIMULATORS)
        if ours and name not in _OTHERS and value.strip():
            yield name


def _names(settings: Iterator[type[Declared]] | list[type[Declared]]) -> set[str]:
    return {each.name for part in settings for each in variables_of(part).values()}


def _nearest(name: str, known: set[str], begin: str = PREFIX, alike: float = 0.6) -> str:
    """Return the most similar known name, compared without a common beginning."""
    from difflib import get_close_matches  # not at import: it lengthens a cold start

    by_rest = {each.removeprefix(begin): each for each in known}
    found = get_close_matches(name.removeprefix(begin), by_rest, n=1, cutoff=alike)
    return by_rest[found[0]] if found else ""
