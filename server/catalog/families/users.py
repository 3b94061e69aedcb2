"""Metrics of users themselves: how many register, are invited, log in and out, are new, and come back."""

from server.catalog.metrics import Aggregation, Better, Definition, Derived, Measure, Unit

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
    Derived(
        name="users_total",
        title="Users in all",
        description="Distinct users that any event has carried up to the end of a day.",
        unit=Unit.COUNT,
        better=Better.HIGHER,
    ),
    Derived(
        name="new_users",
        title="New users",
        description="Users of a day, or of several, that no event before had carried.",
        unit=Unit.COUNT,
        better=Better.HIGHER,
    ),
    Derived(
        name="returning_users",
        title="Returning users",
        description="Users of a day, or of several, that an event before had carried.",
        unit=Unit.COUNT,
        better=Better.HIGHER,
    ),
)
