"""Quarter hours of UTC, which every local hour, day and month since 1980 is made of."""

import enum

QUARTER_SECONDS = 900
QUARTERS_PER_HOUR = 4
QUARTERS_PER_DAY = 96


class Width(enum.IntEnum):
    """How wide a rollup's bucket is, in quarter hours; each divides the next.

    Days of another zone than UTC are made of quarters, hours and six hours, long periods of days, eight and 32 days.
    """

    QUARTER = 1
    HOUR = QUARTERS_PER_HOUR
    SIX_HOURS = 6 * QUARTERS_PER_HOUR
    DAY = QUARTERS_PER_DAY
    EIGHT_DAYS = 8 * QUARTERS_PER_DAY
    DAYS_32 = 32 * QUARTERS_PER_DAY

    def floor(self, bucket: int) -> int:
        """The first quarter hour of the bucket of this width that holds a quarter hour."""
        return bucket - bucket % int(self)
