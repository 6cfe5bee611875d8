"""The log: how a line is written, and from which level on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from paymentapp.variables import Declared, choice, variable

JSON = "json"


@dataclass(frozen=True, slots=True)
class LogSettings(Declared):
    """The settings of the log."""

    title: ClassVar[str] = "Log"

    format: str = variable(
        "PAYMENTAPP_LOG_FORMAT",
        choice("text", JSON),
        "text",
        "`json` for one JSON object a line, with request, client, payment and batch: see *The log*",
    )
    level: str = variable(
        "PAYMENTAPP_LOG_LEVEL",
        choice("DEBUG", "INFO", "WARNING", "ERROR"),
        "INFO",
        "from which level on lines are written; those of the security log always are",
    )
