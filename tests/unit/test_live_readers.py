"""Who may share a stream of live figures: those alone who would read the same."""

import pytest

from server.web.sessions import Readers
from tallywire.v1 import account_service_pb2

Session = account_service_pb2.Session


class ServiceOfSessions:
    """A service that says who sessions are."""

    def __init__(self, **sessions: account_service_pb2.Session) -> None:
        self._sessions = sessions

    async def ask(self, _method: str, _request: bytes, credential: str, _seconds: float) -> bytes:
        return account_service_pb2.GetSessionResponse(session=self._sessions[credential]).SerializeToString()


def session(**more: object) -> account_service_pb2.Session:
    found = Session(session_id="one", subject="user:ada", scopes=["read"], **more)
    found.organization.organization_handle = "acme"
    return found


SALES, SUPPORT = ({"dimension": "team", "values": [one]} for one in ("sales", "support"))


async def shared(one: account_service_pb2.Session, other: account_service_pb2.Session) -> bool:
    readers = Readers(ServiceOfSessions(one=one, other=other))  # type: ignore[arg-type]
    return (await readers.reader("one")).shares == (await readers.reader("other")).shares


async def test_who_reads_the_same_shares() -> None:
    assert await shared(session(), session(role="viewer"))
    assert await shared(session(restriction=SALES), session(restriction=SALES, role="viewer"))


@pytest.mark.parametrize("other", [SUPPORT, None], ids=["another part", "all of it"])
async def test_who_is_restricted_shares_with_those_of_the_same_part(other: dict[str, object] | None) -> None:
    assert not await shared(session(restriction=SALES), session(restriction=other))
