"""Who asks in tests of alerts."""

import pytest

from tests.support import serving
from tests.support.alerting import EDITOR
from tests.support.serving import Accounts, Caller


@pytest.fixture
async def editor(accounts: Accounts) -> Caller:
    """Somebody who may change the rules of an organization."""
    return await accounts.caller(scopes=EDITOR, settings=serving.UTC_SETTINGS)
