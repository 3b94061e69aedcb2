"""The table of what the pages must keep to."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One figure, and what it may be at most."""

    what: str
    most: float
    found: float
    unit: str = ""
    digits: int = 0

    @property
    def holds(self) -> bool:
        """True where the figure is within its bar."""
        return self.found <= self.most

    def row(self) -> str:
        """A row of the table."""
        found = f"{self.found:,.{self.digits}f}{self.unit}"
        return f"| {self.what} | {self.most:,g}{self.unit} | {found if self.holds else f'**{found}**'} |"


@dataclass(slots=True)
class Table:
    """All figures of a run, printed as they are found."""

    bars: list[Bar] = field(default_factory=list)

    def add(self, what: str, most: float, found: float, unit: str = "", digits: int = 0) -> None:
        """Notes a figure."""
        bar = Bar(what=what, most=most, found=found, unit=unit, digits=digits)
        if not self.bars:
            print("| Measured | At most | Is |\n|---|---|---|")
        self.bars.append(bar)
        print(bar.row(), flush=True)

    @property
    def missed(self) -> int:
        """How many figures are beyond their bars."""
        return sum(not bar.holds for bar in self.bars)
