"""What protos/generate.py asks of a language."""

import pathlib
from typing import Final, Protocol

PROTOS: Final = pathlib.Path(__file__).resolve().parents[1]
CLIENTS: Final = PROTOS.parent / "clients"


class Generator(Protocol):
    """The generated files of one language."""

    def missing(self) -> str:
        """Returns which program must be installed before anything can be made, in words; empty if none."""

    def present(self) -> set[pathlib.Path]:
        """Returns the generated files that there are: those that `generate` does not make are removed."""

    def inputs(self) -> list[pathlib.Path]:
        """Returns the files beside the contract and the generators that decide what is made, such as pins of tools."""

    def generate(self) -> dict[pathlib.Path, bytes]:
        """Returns the content of every generated file by its path; writes nothing into the tree."""


def contract_files() -> list[pathlib.Path]:
    """Returns the files of the contract, relative to PROTOS."""
    return sorted(path.relative_to(PROTOS) for path in (PROTOS / "tallywire").rglob("*.proto"))
