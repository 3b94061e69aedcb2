"""Metrics of billing: subscriptions and payments."""

from server.catalog.metrics import Aggregation, Better, Definition, Measure, Unit

METRICS: tuple[Definition, ...] = (
    Measure(
        number=91,
        name="subscriptions_created",
        title="Subscriptions created",
        description="Subscriptions created.",
        unit=Unit.COUNT,
        aggregation=Aggregation.COUNT,
        better=Better.HIGHER,
        event_types=("subscription.created",),
    ),
    Measure(
        number=92,
        name="payments_succeeded",
        title="Payments succeeded",
        description="Payments that succeeded.",
        unit=Unit.COUNT,
        aggregation=Aggregation.COUNT,
        better=Better.HIGHER,
        event_types=("payment.succeeded",),
    ),
    Measure(
        number=93,
        name="payments_failed",
        title="Payments failed",
        description="Payments that failed.",
        unit=Unit.COUNT,
        aggregation=Aggregation.COUNT,
        better=Better.LOWER,
        event_types=("payment.failed",),
    ),
    Measure(
        number=94,
        name="payment_amount_micros",
        title="Amount of payments",
        description="Amount of the payments that succeeded, in the currency of the dimension: amounts of different "
        "currencies are never added.",
        unit=Unit.MICROS,
        aggregation=Aggregation.SUM,
        better=Better.HIGHER,
        event_types=("payment.succeeded",),
        field="amount_micros",
        only_by=("currency",),
    ),
)
