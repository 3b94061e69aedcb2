"""What makes the generated files of each language."""

from typing import Final

from generators.generator import Generator
from generators.go import Go
from generators.java import Java
from generators.python import Python
from generators.rust import Rust
from generators.typescript import TypeScript

__all__ = ["LANGUAGES", "Generator"]

LANGUAGES: Final[dict[str, Generator]] = {
    "python": Python(),
    "go": Go(),
    "java": Java(),
    "rust": Rust(),
    "typescript": TypeScript(),
}
