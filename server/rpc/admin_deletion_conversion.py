"""Conversion of deletions of organizations between messages and values."""

from datetime import timedelta

from server.admin.deletions import ShownDeletion
from server.errors import Reason, Refused
from server.events import rules
from server.rpc import admin_conversion
from server.rpc.questions import shared
from server.tenancy.organization_deletions import GRACE, LONGEST_GRACE
from tallywire.v1 import admin_service_pb2 as pb


def grace(request: pb.DeleteOrganizationRequest) -> timedelta:
    """Returns for how long a deletion can be taken back."""
    if not request.HasField("grace"):
        return GRACE
    seconds = rules.duration("grace", request.grace.seconds, request.grace.nanos)
    if not 0 <= seconds <= LONGEST_GRACE.total_seconds():
        raise Refused(Reason.INVALID_DURATION, "must be from 0 seconds to 90 days", field="grace")
    return timedelta(seconds=seconds)


def whose(request: pb.GetOrganizationDeletionRequest) -> tuple[str, int | None]:
    """Returns the name that an organization has or had, and its id where the request names it by that."""
    if not request.HasField("organization_id"):
        return admin_conversion.required_name(request.organization), None
    if request.organization:
        raise Refused(Reason.INVALID_VALUE, "name the organization, or its id", field="organization_id")
    return "", request.organization_id


def deletion(shown: ShownDeletion) -> pb.OrganizationDeletion:
    """Returns the message of a deletion."""
    one, receipt = shown.deletion, shown.receipt
    message = pb.OrganizationDeletion(
        organization_id=one.organization_id,
        name_digest=one.name_digest.hex(),
        asked_at=shared.instant(one.asked_at),
        delete_after=shared.instant(one.delete_after),
    )
    if receipt is not None:
        rows = [pb.RemovedRows(table=table, rows=rows) for table, rows in receipt.rows.items()]
        made = pb.DeletionReceipt(rows=rows, files=receipt.files, signature=receipt.signature)
        made.deleted_at.CopyFrom(shared.instant(receipt.deleted_at))
        message.receipt.CopyFrom(made)
    return message
