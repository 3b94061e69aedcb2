"""What projections keep of a long past: rows of conversations and of users' days, repeated by SQL as raw events are.

They are there on the days that have raw events, for questions that look at conversations or users one by one.
"""

from datetime import timedelta

from tests.harness.bench.histories import COMES_BACK_AFTER, History
from tests.harness.bench.world import World

_USER = f"'user-' || substr({{0}}, 6)::bigint * {COMES_BACK_AFTER} + $1::integer % {COMES_BACK_AFTER}"
_KEY = "decode(md5({0} || int4send($1::integer)), 'hex')"
# What other columns are on another day than on the first one, on which times alone differ.
_INSTEAD = {
    "conversations": {
        "conversation_key": _KEY.format("conversation_key"),
        "conversation_id": "conversation_id || '-' || $1::integer",
        "latest_user_id": f"CASE WHEN latest_user_id <> '' THEN {_USER.format('latest_user_id')} ELSE '' END",
        "latest_minute": "latest_minute + $1::integer * 1440",
    },
    "conversation_closings": {
        "conversation_key": _KEY.format("conversation_key"),
        "event_key": _KEY.format("event_key"),
    },
    "user_days": {"user_id": _USER.format("user_id"), "day": "day + $1::integer"},
}
# By which column a row belongs to a day.
_AT = {"conversations": "began_at", "conversation_closings": "occurred_at", "user_days": "day"}
CONVERSATIONS, USERS = ("conversations", "conversation_closings"), ("user_days",)


async def repeat(world: World, history: History, *tables: str) -> None:
    """Fills tables of projections, which hold the first day of a history, with its other days that have raw events."""
    plan, first = history.plan, history.first_day
    async with world.connected() as connection:
        for table in tables:
            instead, at = _INSTEAD[table], _AT[table]
            if await connection.fetchval(
                f"SELECT EXISTS (SELECT FROM {table} WHERE organization_id = $1 AND {at} >= $2)",
                history.organization_id,
                first + timedelta(days=1),
            ):
                continue  # another benchmark has asked for them
            columns = {
                one.name: instead.get(one.name)
                or (f"{one.name} + $1::integer * interval '1 day'" if one.type.name == "timestamptz" else one.name)
                for one in (await connection.prepare(f"SELECT * FROM {table}")).get_attributes()
            }
            insert = await connection.prepare(
                f"INSERT INTO {table} ({', '.join(columns)}) SELECT {', '.join(columns.values())} FROM {table}"
                f" WHERE organization_id = $2 AND {at} >= $3 AND {at} < $4"
            )
            for day in range(plan.days - plan.raw_days, plan.days):
                await insert.fetch(day, history.organization_id, first, first + timedelta(days=1))
            await connection.execute(f"VACUUM (ANALYZE) {table}")
