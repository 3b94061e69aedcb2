"""How often bad credentials come, so that whoever repeats one is asked to wait."""

import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from server.errors import Reason, Refused

INVALID: Final = "the API key is unknown, expired or revoked"
TOKENS: Final = "identity token"  # among the bad keys
BAD_PER_WINDOW: Final = 100
_WINDOW_SECONDS, _MOST_WINDOWS = 10.0, 10_000
_WHICH = {None: "credentials that are no API keys", TOKENS: "bad identity tokens"}


@dataclass(slots=True, kw_only=True)
class _Window:
    ends: float
    bad: int = 0


class BadCredentials:
    """A count of bad credentials, by sender and by the key that they claim to be, in windows of 10 seconds."""

    def __init__(self) -> None:
        self._windows: OrderedDict[tuple[str, str | None], _Window] = OrderedDict()  # by when they began

    def __len__(self) -> int:
        return len(self._windows)

    def refusal(self, peer: str, key_id: str | None, why: str = INVALID) -> Refused:
        """Counts a bad credential and returns its refusal; key_id is None if it does not have the form of a key, and
        TOKENS for all identity tokens.
        """
        now, who = time.monotonic(), (peer, key_id)
        window = self._windows.get(who)
        if window is None or window.ends <= now:
            window = _Window(ends=now + _WINDOW_SECONDS)
            self._windows[who] = window
            self._windows.move_to_end(who)
            if len(self._windows) > _MOST_WINDOWS:
                self._windows.popitem(last=False)
        window.bad += 1
        if window.bad <= BAD_PER_WINDOW:
            return Refused(Reason.CREDENTIALS_INVALID, why)
        which = _WHICH.get(key_id, "this bad API key")
        return Refused(
            Reason.AUTH_RATE_LIMIT,
            f"{which} came more than {BAD_PER_WINDOW} times in {_WINDOW_SECONDS:.0f} seconds from this address",
            retry_after=window.ends - now,
        )
