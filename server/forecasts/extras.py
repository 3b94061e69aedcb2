"""What forecasts compute with beside the standard library: the extra "forecast" of tallywire-server."""

import importlib.util
from typing import Final

from server.errors import Reason, Refused

INSTALL: Final = 'pip install "tallywire-server[forecast]"'


def check() -> None:
    """Refuses a forecast where this installation lacks numpy, with the command that installs it."""
    if importlib.util.find_spec("numpy") is None:
        raise Refused(
            Reason.FORECAST_NOT_INSTALLED,
            f"this server cannot compute forecasts: its operator has to run: {INSTALL}",
            metadata={"command": INSTALL},
        )
