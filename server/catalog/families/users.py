"""Metrics of users themselves: how many register, are invited, and log in and out."""

from server.catalog.metrics import Aggregation, Better, Definition, Measure, Unit

METRICS: tuple[Definition, ...] = (
    Measure(
        number=103,
        name="user_registrations",
        title="Registrations",
        description="Users registered.",
        unit=Unit.COUNT,
        aggregation=Aggregation.COUNT,
        better=Better.HIGHER,
        event_types=("user.registered",),
    ),
    Measure(
        number=104,
        name="user_invitations",
        title="Invitations",
        description="Users invited.",
        unit=Unit.COUNT,
        aggregation=Aggregation.COUNT,
        event_types=("user.invited",),
    ),
    Measure(
        number=105,
        name="user_logins",
        title="Logins",
        description="Logins of users.",
        unit=Unit.COUNT,
        aggregation=Aggregation.COUNT,
        event_types=("user.logged_in",),
    ),
    Measure(
        number=106,
        name="user_logouts",
        title="Logouts",
        description="Logouts of users.",
        unit=Unit.COUNT,
        aggregation=Aggregation.COUNT,
        event_types=("user.logged_out",),
    ),
)
