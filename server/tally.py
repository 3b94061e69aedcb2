"""Tallies: how much each organization has of something at the moment, and the total, without adding up."""


class Tally:
    """Counts by organization. An organization with a count of 0 takes no memory."""

    __slots__ = ("_counts", "total")

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}
        self.total = 0

    def __getitem__(self, organization_id: int) -> int:
        return self._counts.get(organization_id, 0)

    def __len__(self) -> int:
        return len(self._counts)

    def add(self, organization_id: int, amount: int = 1) -> None:
        """Adds an amount to an organization's count; the amount may be negative."""
        self.total += amount
        count = self._counts.get(organization_id, 0) + amount
        if count:
            self._counts[organization_id] = count
        else:
            self._counts.pop(organization_id, None)
