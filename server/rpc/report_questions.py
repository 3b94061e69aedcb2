"""The questions of reports: blocks as they are stored, asked for a period, answered as tables."""

from collections.abc import Mapping
from typing import Any

from google.protobuf import json_format

from server.errors import Refused
from server.reports.blocks import BlockAnswer, RunPlan
from server.reports.periods import RunPeriod
from server.rpc import restricting
from server.rpc.asking import Asking
from server.rpc.exports import answer_tables
from server.rpc.questions import shared
from server.rpc.report_conversion import FORMAT_NUMBERS
from server.tenancy.principal import Principal
from tallywire.v1 import report_service_pb2 as pb
from tallywire.v1 import time_pb2

_NAMES = {number: name for name, number in FORMAT_NUMBERS.items()}
_LONGEST_REFUSAL = 500
_GRANULARITY = "GRANULARITY_"


class ReportQuestions:
    """Answers the questions of stored reports: see server.reports.blocks.Questions."""

    def __init__(self, asking: Asking) -> None:
        self._asking = asking

    def plan(self, content: bytes) -> RunPlan:
        """Returns what a stored report says of its runs."""
        report = pb.Report.FromString(content)
        return RunPlan(
            description=report.description,
            range=report.period.range,
            comparison=report.period.comparison,
            time_zone=report.period.time_zone,
            formats=tuple(_NAMES[one] for one in report.formats if one in _NAMES),
            locale=report.locale or "en",
            blocks=len(report.blocks),
        )

    async def answer(self, principal: Principal, content: bytes, place: int, asked: RunPeriod) -> BlockAnswer:
        """Answers the question of a block, of the part that the principal may see. A refusal of it is its answer: other
        blocks are none the worse.
        """
        report = pb.Report.FromString(content)
        block = report.blocks[place]
        options: Mapping[str, Any] = json_format.MessageToDict(block.options)
        chosen = options.get("metrics")
        told: dict[str, Any] = {
            "kind": block.kind,
            "title": block.title,
            "note": block.note,
            "metrics": tuple(str(one) for one in chosen) if isinstance(chosen, list) else (),
            "part": options["part"] if isinstance(options.get("part"), str) else "",
            "page_break": options.get("page_break") is True,
        }
        which = block.WhichOneof("question")
        if which is None:
            return BlockAnswer(**told)
        request = getattr(block, which)
        _ask_for(request, report, asked)
        try:
            with restricting.asking(principal, request):
                response = await self._asking.answer(principal, request)
        except Refused as refusal:
            about = f" ({refusal.field})" if refusal.field else ""
            why = f"{refusal.reason.name}: {refusal.message}{about}"[:_LONGEST_REFUSAL]
            return BlockAnswer(**told, refusal=why, is_passing=refusal.retry_after is not None)
        return BlockAnswer(**told, tables=answer_tables.tables(response), granularity=_granularity(response))


def _ask_for(request: Any, report: pb.Report, asked: RunPeriod) -> None:
    """Puts the period, the comparison and the report's filter into the question of a block."""
    fields = request.DESCRIPTOR.fields_by_name
    if "time_range" in fields:
        bounds = asked.bounds
        request.time_range.start.CopyFrom(shared.instant(bounds.start))
        request.time_range.end.CopyFrom(shared.instant(bounds.end))
        request.time_range.time_zone = asked.zone.key
    if "comparison" in fields and asked.earlier is not None:
        request.comparison.mode = time_pb2.COMPARISON_MODE_CUSTOM
        request.comparison.start.CopyFrom(shared.instant(asked.earlier.start))
        request.comparison.end.CopyFrom(shared.instant(asked.earlier.end))
    if "filter" in fields and report.HasField("filter") and not request.HasField("filter"):
        request.filter.CopyFrom(report.filter)


def _granularity(response: Any) -> str:
    if "granularity" not in response.DESCRIPTOR.fields_by_name or not response.granularity:
        return ""
    return time_pb2.Granularity.Name(response.granularity).removeprefix(_GRANULARITY).lower()
