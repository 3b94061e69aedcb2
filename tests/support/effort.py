"""How much is tried of what never ends: a part of it, or, with `--hypothesis-profile thorough`, much more."""

from typing import TypeVar

import hypothesis

T = TypeVar("T")


def chosen(usual: T, *, thorough: T) -> T:
    """Returns the one that the profile of this run asks for."""
    return thorough if hypothesis.settings.get_current_profile_name() == "thorough" else usual
