"""`anomalies` and `changes` of the command line and of the asyncio client, on a world with a spike."""

from datetime import timedelta

import tallywire
from server.app import Running
from tests.anomalies import spike
from tests.support import commands
from tests.support.serving import Caller

PERIOD = ("--from", "2024-04-30", "--to", "2024-05-01", "--zone", "UTC")


async def test_commands_and_the_asyncio_client(caller: Caller, server: Running) -> None:
    await spike.fill(caller)
    question = ("anomalies", "--metric", "messages_sent", "--by", "agent", "--granularity", "hour", *PERIOD)
    text = await commands.shown(server.address, caller, *question)
    assert "3 series from" in text
    assert "2024-04-30 12:00" in text
    assert "above the usual" in " ".join(text.split())
    document = await commands.document(server.address, caller, *question, "--strongest", "--limit", "1")
    assert (len(document["anomalies"]), document["total"]) == (1, 2)
    lines = await commands.csv(server.address, caller, *question)
    assert [(one["metric"], one["buckets"]) for one in lines] == [("messages_sent", "1")] * 2
    assert {one["value"] for one in lines} == {"", "a"}
    quiet = await commands.shown(server.address, caller, *question, "--direction", "below", "--sensitivity", "6.5")
    assert "Nothing is unusual in this period." in quiet

    question = ("changes", "--metric", "messages_sent,error_rate", *PERIOD)
    text = " ".join((await commands.shown(server.address, caller, *question)).split())
    assert "What changed" in text
    assert "compared with 2024-04-29 00:00 to 2024-04-30 00:00" in text
    document = await commands.document(server.address, caller, *question)
    messages, rate = document["metrics"]
    assert [one["dimension"] for one in messages["accounts"]] == ["agent", "channel"]
    lines = await commands.csv(server.address, caller, *question)
    by_agent = [one for one in lines if (one["metric"], one["dimension"]) == ("messages_sent", "agent")]
    assert sum(int(one["change"]) for one in by_agent) == messages["change"]["integer"]
    assert by_agent[0]["value"] == "a"
    assert rate["change"]["number"] == 0

    async with tallywire.AsyncClient(server.address, api_key=caller.key.secret) as client:
        start, end = spike.SPIKE - timedelta(hours=12), spike.END
        found = await client.anomalies.list(
            start, end, ["messages_sent"], granularity="hour", sensitivity="high", direction="above", order="strongest"
        )
        assert found.total == 1
        changed = await client.anomalies.changes(start, end, ["messages_sent"], "agent", compare="week")
        assert changed.metrics[0].accounts[0].rows[0].value == "a"
