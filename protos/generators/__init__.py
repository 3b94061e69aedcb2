"""What makes the generated files of each language."""

from typing import Final

from generators.generator import Generator
from generators.python import Python

__all__ = ["LANGUAGES", "Generator"]

LANGUAGES: Final[dict[str, Generator]] = {"python": Python()}
