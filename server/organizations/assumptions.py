"""What the return of AI agents is worked out with where neither a question nor its organization says otherwise."""

from typing import Final

HOURLY_COST_MICROS: Final = 25_000_000  # of a human who handles conversations, in millionths of the currency
HANDLING_SECONDS: Final = 8 * 60  # of that human for one conversation
CONVERSATION_COST_MICROS: Final = 50_000  # of AI for one conversation, where no cost is recorded

MOST_MICROS: Final = 10**12
MOST_SECONDS: Final = 86_400
