"""What an organization pays for the tokens of a model, from a day on."""

from dataclasses import dataclass
from datetime import date
from typing import Final

MOST_MICROS: Final = 10**12


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelPrice:
    """An entry of an organization's price list.

    It holds from the midnight with which a day begins in the organization's zone, until the next entry of the model.
    Prices are for a million tokens, in millionths of the currency. Tokens that come from a cache are a part of those
    that are read, and have a price of their own.
    """

    model: str
    effective_from: date
    prompt_micros: int
    cached_micros: int
    completion_micros: int
