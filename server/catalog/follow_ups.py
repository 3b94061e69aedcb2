"""What came after conversations were closed, as a value: the store gives it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowUps:
    """What came after the conversations of a period, in numbers of conversations.

    mature resolutions are old enough to tell, and younger ones not_yet_known; those that were reopened in time are not
    among those that were followed. It is the same for conversations and those that were repeated, by so many users.
    """

    mature: int
    reopened: int
    followed: int
    not_yet_known: int
    mature_for_repeat: int
    repeated: int
    users: int
    repeat_not_yet_known: int

    @property
    def durable(self) -> int:
        """Returns how many mature resolutions held."""
        return self.mature - self.reopened - self.followed
