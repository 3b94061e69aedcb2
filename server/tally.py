"""Tallies: how much each organization has of something at the moment, and all together, without walking over them."""


class Tally:
    """Counts by organization. One that has nothing any more costs nothing any more."""

    __slots__ = ("_counts", "total")

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}
        self.total = 0

    def __getitem__(self, organization_id: int) -> int:
        return self._counts.get(organization_id, 0)

    def __len__(self) -> int:
        return len(self._counts)

    def add(self, organization_id: int, amount: int = 1) -> None:
        """An organization has so much more, or less."""
        self.total += amount
        count = self._counts.get(organization_id, 0) + amount
        if count:
            self._counts[organization_id] = count
        else:
            self._counts.pop(organization_id, None)
