"""The alert rules of the demo."""

import pytest

from server.app import Running
from server.local import demo_alerts
from server.store.database import Database
from server.tenancy.principal import Scope
from tallywire import AsyncClient
from tests.support.rpcs import answers
from tests.support.serving import Accounts


@pytest.mark.parametrize("catches_mail", [True, False])
async def test_the_demo_has_rules_and_leaves_them_alone(
    server: Running, accounts: Accounts, database: Database, catches_mail: bool
) -> None:
    editor = await accounts.caller(scopes=(Scope.READ, Scope.EDIT))
    names = {one.name for one in demo_alerts.RULES}
    async with AsyncClient(server.address, api_key=editor.key.secret) as client:
        for _ in range(2):
            await demo_alerts.keep(client, database, editor.name, catches_mail=catches_mail)
            found = await client.alerts.list()
            assert {one.rule.name for one in found} == names
            assert {one.destination_count for one in found} == {int(catches_mail)}
        await client.alerts.delete(found[0].rule.rule_id)
        await demo_alerts.keep(client, database, editor.name, catches_mail=catches_mail)
        assert len(await client.alerts.list()) == len(names) - 1, "what somebody has deleted stays so"
    (answer,) = await answers(editor, "DeliveryService/ListDestinations", {})
    assert len(answer.destinations) == catches_mail


async def test_a_key_that_may_not_make_rules_runs_the_demo_all_the_same(
    server: Running, accounts: Accounts, database: Database
) -> None:
    reader = await accounts.caller(scopes=(Scope.READ,))
    async with AsyncClient(server.address, api_key=reader.key.secret) as client:
        await demo_alerts.keep(client, database, reader.name, catches_mail=False)
        assert not await client.alerts.list()
