"""Questions that are stored and asked later, and whoever answers them with tables."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from server.exports.tables import DataTable
from server.tenancy.principal import Principal


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredQuestion:
    """A question: the name of its RPC ("GetOverview") and its request in the contract's JSON form."""

    method: str
    request: str


class Answering(Protocol):
    """Answers stored questions: the figures are those of the RPC. Made by the composition roots of servers and workers,
    since it knows the contract (server.rpc.exports.answering).
    """

    async def tables(self, principal: Principal, question: StoredQuestion) -> Sequence[DataTable]:
        """Returns the tables of the answer, the main one first: all rows, of one revision. Raises Refused as the RPC
        does, and for a method whose answer is no table or a request that is none of its.
        """
