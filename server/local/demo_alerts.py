"""Alert rules of the demo, so that its pages have some to look at, and the mailbox that they tell."""

import contextlib
from datetime import timedelta
from typing import Final

import tallywire
from server.organizations.delivery import Channel, DestinationDraft, Topic
from server.store import destinations, organizations
from server.store.database import Database
from server.store.isolation import EVERY
from tallywire import alert_rules

_MINUTE: Final = timedelta(minutes=1)
_MAILBOX: Final = "dst_demo"
_OWNER: Final = "operator:demo"
RULES: Final = (
    alert_rules.rule(
        "Errors",
        "error_rate",
        alert_rules.condition("value", "above", warning=0.05, critical=0.2),
        description="Answers fail. Look at the agents with the highest error rate.",
        window=15 * _MINUTE,
        step=5 * _MINUTE,
        minimum_samples=20,
        severity="high",
    ),
    alert_rules.rule(
        "Nothing comes",
        "",
        alert_rules.condition("absence"),
        description="No event of any kind has come. Is a sender down, or has the demo ended its replay?",
        window=30 * _MINUTE,
    ),
    alert_rules.rule(
        "Unusual traffic",
        "messages_sent",
        alert_rules.condition("anomaly", "outside", critical=4),
        description="Far more or fewer messages than usual at this hour of the week.",
        window=60 * _MINUTE,
        severity="low",
    ),
)


async def keep(client: tallywire.AsyncClient, database: Database, organization: str, *, catches_mail: bool) -> None:
    """Stores the rules and, where mail is caught, a mailbox that is told of them, unless the organization has rules:
    what somebody has changed stays.
    """
    if await client.alerts.list():
        return
    if catches_mail:
        await _keep_mailbox(database, organization)
    # A key that an earlier version has made may not have the scope.
    with contextlib.suppress(tallywire.PermissionDenied):
        for one in RULES:
            await client.alerts.create(one)


async def _keep_mailbox(database: Database, organization: str) -> None:
    draft = DestinationDraft(
        name="Demo mailbox", channel=Channel.MAIL, addresses=("alerts@demo.example",), topics=(Topic.ALERT,)
    )
    async with database.transaction(of=EVERY) as driver:
        owner = await organizations.by_name(driver, organization)
        if owner is None:
            return
        await destinations.lock(driver, owner.organization_id)
        if await destinations.by_id(driver, owner.organization_id, _MAILBOX) is None:
            await destinations.add(driver, owner.organization_id, _MAILBOX, _OWNER, draft, b"")
