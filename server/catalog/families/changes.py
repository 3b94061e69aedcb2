"""Metrics of change: figures against those of an earlier period."""

from server.catalog.metrics import Better, Definition, Derived, Unit

METRICS: tuple[Definition, ...] = (
    Derived(
        name="messages_change",
        title="Change of messages",
        description="Change of total_messages against an earlier period: that asked for, or the one just before.",
        unit=Unit.PERCENT,
        change_of="total_messages",
    ),
    Derived(
        name="conversations_change",
        title="Change of conversations",
        description="Change of total_conversations against an earlier period: that asked for, or the one just before.",
        unit=Unit.PERCENT,
        change_of="total_conversations",
    ),
    Derived(
        name="users_change",
        title="Change of unique users",
        description="Change of unique_users against an earlier period: that asked for, or the one just before.",
        unit=Unit.PERCENT,
        better=Better.HIGHER,
        change_of="unique_users",
    ),
)
