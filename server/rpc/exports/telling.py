"""What the audit trail is told of an export: who takes what away before it begins, and afterwards how much."""

from collections.abc import Mapping
from typing import Any

from server.exports.exports import Ended, ExportRoom
from server.exports.formats import Format
from server.exports.making import FileInTheMaking
from server.organizations.audit_trail import Actor
from server.rpc import noting
from server.rpc.exports.messages import Part
from server.tenancy.keyed_hashes import KeyedHashes
from server.tenancy.principal import Principal
from tallywire.v1 import export_service_pb2


class ToldExport:
    """What is told of one export."""

    def __init__(
        self, exports: ExportRoom, principal: Principal, by: Actor, asked: Any, form: Format, secrets: KeyedHashes
    ) -> None:
        self._exports = exports
        self._principal = principal
        self._by = by
        self._what = asked.DESCRIPTOR.name.removesuffix("Request")
        self._format = form.name.lower()
        self._question = noting.question(asked, secrets, principal.organization_id)
        self._is_begun = self._is_complete = False

    async def begins(self, action: str, more: Mapping[str, object] | None = None) -> None:
        """Records that the export begins; without that entry there is none."""
        about = {"format": self._format, **(more or {}), **({"question": self._question} if self._question else {})}
        await self._exports.record(self._principal, self._by, action, self._what, about)
        self._is_begun = True

    def sent(self, part: Part) -> None:
        """Looks at a part that was sent."""
        self._is_complete = isinstance(part, export_service_pb2.ExportTrailer) and part.complete

    def ends(self, made: FileInTheMaking) -> None:
        """Notes how much was made, and whether the caller has got all of it."""
        if self._is_begun:
            ended = Ended(format=self._format, rows=made.rows, size=made.size, is_complete=self._is_complete)
            self._exports.ended(self._principal, self._by, self._what, ended)
