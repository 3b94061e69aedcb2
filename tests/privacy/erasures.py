"""A person with something of everything, erasures of them, and figures before and after."""

import json
import random
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from server import failpoints
from server.catalog.custom_metrics import CustomMetric, Path, ValueFilter
from server.catalog.metrics import Aggregation, Better
from server.clock import Clock
from server.events.event import Event, key_of
from server.ingest.corrections import Correction, Corrector
from server.organizations.audit_trail import UNNAMED_OPERATOR
from server.organizations.settings import OrganizationSettings
from server.privacy.erasing import Erasing
from server.privacy.erasures import Erasures
from server.store import custom_metrics
from server.store.database import Database
from server.store.erased_users import Erasure
from server.store.isolation import EVERY
from server.tasks.kinds import Work
from server.tenancy.keyed_hashes import KeyedHashes
from server.tenancy.principal import Principal, Scope
from tests.conftest import PEPPER
from tests.support import worlds

ANN = "ann-canary-7f3a"
CANARIES = (ANN, "Canary Ann", "203.0.113.77", "CanaryBrowser", "canary-secret", "canary-question", "canary-event")
HASHES = KeyedHashes(PEPPER)


def principal(organization_id: int) -> Principal:
    """Somebody who may do everything in an organization."""
    return Principal(
        organization_id=organization_id, key_id="k", scopes=frozenset((Scope.ADMIN,)), settings=OrganizationSettings()
    )


def world(seed: int, count: int = 240) -> list[Event]:
    """Events of a small business, of which Ann takes a good part."""
    dice = random.Random(seed)
    return [_personal(dice, one, number) for number, one in enumerate(worlds.events(seed, count))]


def _personal(dice: random.Random, one: Event, number: int) -> Event:
    if dice.random() < 0.6:
        return one._replace(properties=_properties(dice, "shared", number % 3))
    event_id = f"canary-event-{number}"
    kinds: tuple[tuple[str, dict[str, int | str]], ...] = (
        ("user.logged_in", {"ip": "203.0.113.77", "name": "Canary Ann", "user_agent": "CanaryBrowser/1.0"}),
        ("content_gap.found", {"topic": "returns", "question": "where is canary-question?"}),
        ("order.placed", {"talk_ms": 7}),
        (one.event_type, dict(one.detail)),
    )
    event_type, detail = dice.choice(kinds)
    return one._replace(
        event_id=event_id,
        event_key=key_of(event_id),
        user_id=ANN,
        event_type=event_type,
        detail=detail,
        properties=_properties(dice, "canary-secret", number % 3),
    )


def _properties(dice: random.Random, who: str, number: int) -> str:
    found: dict[str, Any] = {
        "plan": dice.choice(("gold", "silver", f"plan of {who} {number}")),
        "voucher": dice.choice(("summer", f"voucher of {who} {number}")),
        "amount": dice.choice((1.5, 20, 3)),
        "paid": dice.random() < 0.5,
        "note": f"a note of {who}",
        "deep": {"er": who, "amount": 1},
    }
    return json.dumps({name: value for name, value in found.items() if dice.random() < 0.8})


def _path(text: str) -> Path:
    return Path.of(text)


_TYPES = ("order.placed", "user.logged_in", "message.sent")


def _metric(name: str, aggregation: Aggregation, value: str = "", **more: Any) -> CustomMetric:
    fields: dict[str, Any] = {"filter": None, "dimension": None, "decimals": 0, **more}
    return CustomMetric(
        name=name,
        title=name,
        description="",
        unit="1",
        better=Better.NEITHER,
        event_types=_TYPES,
        aggregation=aggregation,
        value=_path(value) if value else None,
        **fields,
    )


METRICS = (
    _metric("orders", Aggregation.COUNT, dimension=_path("properties.plan")),
    _metric("amount", Aggregation.SUM, "properties.amount", decimals=2),
    _metric("spread", Aggregation.HISTOGRAM, "properties.amount"),
    _metric("vouchers", Aggregation.UNIQUE, "properties.voucher"),
    _metric("plans", Aggregation.UNIQUE, "properties.plan"),
    _metric("deep", Aggregation.COUNT, "properties.deep"),
    _metric("whos", Aggregation.UNIQUE, "properties.deep.er"),
    _metric("addresses", Aggregation.UNIQUE, "detail.ip"),
    _metric(
        "gold", Aggregation.COUNT, filter=ValueFilter(path=_path("properties.plan"), equals="gold")
    ),
    _metric(
        "paid", Aggregation.SUM, "properties.amount",
        filter=ValueFilter(path=_path("properties.paid"), equals=True), decimals=1,
    ),
)  # fmt: skip


async def define(database: Database, organization_id: int, metrics: Sequence[CustomMetric] = METRICS) -> None:
    """Defines custom metrics."""
    async with database.transaction(of=EVERY) as driver:
        locked = await custom_metrics.begin(driver, organization_id)
        assert locked is not None
        for one in metrics:
            number = await custom_metrics.last_number(driver, organization_id) + 1
            await custom_metrics.add(driver, organization_id, number, one, locked.position.revision)


def erasures(database: Database) -> Erasures:
    """What begins erasures."""
    return Erasures(database, HASHES, lambda: None)


async def begin(database: Database, organization_id: int, user_id: str = ANN) -> Erasure:
    """Begins to erase somebody."""
    return await erasures(database).begin(principal(organization_id), user_id, "", UNNAMED_OPERATOR)


def work(database: Database, organization_id: int, payload: Mapping[str, object]) -> Work:
    """A task as its function gets it."""
    return Work(
        database=database,
        task_id=1,
        organization_id=organization_id,
        payload=payload,
        now=datetime.now(UTC),
        period=None,
        last={},
    )


async def run(database: Database, erasure: Erasure) -> Erasure:
    """Does the task of an erasure and returns what it has come to."""
    await Erasing().erase(work(database, erasure.organization_id, {"erasure_id": str(erasure.erasure_id)}))
    return await erasures(database).get(principal(erasure.organization_id), str(erasure.erasure_id))


async def correct(database: Database, organization_id: int, some: Sequence[Event], seed: int) -> None:
    """Corrects and retracts some of Ann's events."""
    dice = random.Random(seed)
    corrector = Corrector(database, Clock(), on_commit=lambda _: None, digest=HASHES.erased_user)
    hers = [one for one in some if one.user_id == ANN]
    for one in dice.sample(hers, 12):
        changed = one._replace(properties=_properties(dice, "canary-secret", 4))
        becomes = dice.choice((None, changed))
        wanted = Correction(event_id=one.event_id, event_key=one.event_key, event=becomes)
        reason = dice.choice((f"it was not of {ANN.upper()}", "a late field"))
        await corrector.correct(principal(organization_id), [wanted], reason, UNNAMED_OPERATOR)


class Killed(Exception):
    """The process has ended."""


class Kills:
    """Ends an erasure at each failpoint that it passes, one after the other: before the first commit, after it, before
    the second … Those of the projections that it brings up to date are among them.
    """

    def __init__(self) -> None:
        self.passed = 0
        self.at = 0
        self.ended = set[failpoints.Name]()

    def reach(self, name: failpoints.Name) -> None:
        """Ends what reaches the failpoint whose turn it is."""
        self.passed += 1
        if self.passed > self.at:
            self.at, self.passed = self.at + 1, 0
            self.ended.add(name)
            raise Killed


async def tables_with(database: Database, texts: Sequence[str]) -> list[str]:
    """The tables, and the statistics, that hold one of some texts."""
    found: list[str] = []
    async with database.transaction(of=EVERY) as driver:
        names = await driver.fetch(
            "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') ORDER BY 1"
        )
        for (name,) in [*names, ("pg_stats",)]:
            rows = await driver.fetch(
                f"SELECT DISTINCT w FROM {name} AS t, unnest($1::text[]) AS w WHERE position(w IN t::text) > 0",
                list(texts),
            )
            found += [f"{name}: {row[0]}" for row in rows]
    return found


def new_id() -> str:
    """An id of an erasure that nobody has begun."""
    return str(uuid.uuid4())
