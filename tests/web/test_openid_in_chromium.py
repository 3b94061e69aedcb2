"""Sign-in at an identity provider in a browser, which keeps to its own rules about cookies of other sites."""

import json
import os
from pathlib import Path

import pytest

from server.settings import Settings
from server.tenancy.principal import Scope
from server.web import pages
from tests.harness.pages import chromium
from tests.support import browsing, openid_provider, serving
from tests.support.serving import Accounts, event


async def test_whoever_signs_in_at_another_site_is_back_on_the_page(
    settings: Settings, accounts: Accounts, tmp_path: Path
) -> None:
    if missing := chromium.missing():
        if os.environ.get("TALLYWIRE_ALL_CLIENTS") and "chromium" not in missing:
            pytest.fail(missing)
        pytest.skip(missing)
    caller = await accounts.caller(scopes=(Scope.INGEST, Scope.READ))
    await caller.track(event(conversation_id="c", user_id="u", agent_id="a"))
    path = tmp_path / "providers.toml"
    async with openid_provider.running() as provider:
        provider.issuer = provider.issuer.replace("127.0.0.1", "localhost")  # another site than that of the pages
        table = {**provider.table, "organization": caller.name, "default_role": "viewer"}
        lines = [f"{name} = {json.dumps(value)}" for name, value in table.items()]
        path.write_text("\n".join(["[providers.ours]", *lines]))
        async with (
            serving.running(settings, identity_providers=path) as server,
            browsing.web(settings, server.address, pages.FOLDER, identity_providers=path) as web,
        ):
            provider.redirect_uri = f"{web.site.origin}/auth/callback"
            report = await chromium.report("openid", web.site.origin, "/agents")
    assert report["problems"] == []
    assert (report["path"], report["overflow"], report["scripts"]) == ("/agents", 0, "")
    assert report["cookies"] == [[web.site.cookie, True, "Lax"]]
