"""Conversion of reports between messages and values, and what a block may be."""

from collections.abc import Mapping, Sequence

from server import timerange
from server.admission import request_limits
from server.errors import Reason, Refused
from server.events import rules
from server.organizations.reports import KeptReport, ReportDraft, ReportVisibility
from server.reports import blocks, periods, saved, texts
from server.reports.runs import FORMATS
from server.rpc import account_conversion, dashboard_conversion
from server.rpc.questions import shared
from server.tenancy.principal import Principal
from tallywire.v1 import report_service_pb2 as pb

_MAX_DESCRIPTION, _MAX_NOTE = 2_000, 4_000  # characters
_OF_RUNS = ("time_range", "comparison", "page_token", "rows_token", "include_rows_tokens", "since_revision")
_QUESTIONS_OF = {"series": ("usage_trends",), "funnel": ("funnel",)}
_VISIBILITIES = {
    pb.REPORT_VISIBILITY_UNSPECIFIED: ReportVisibility.PERSONAL,
    **{pb.ReportVisibility.Value(f"REPORT_VISIBILITY_{one.name}"): one for one in ReportVisibility},
}
_NUMBERS = {one: pb.ReportVisibility.Value(f"REPORT_VISIBILITY_{one.name}") for one in ReportVisibility}
FORMAT_NUMBERS = {one: pb.ReportFormat.Value(f"REPORT_FORMAT_{one.upper()}") for one in FORMATS}
_FORMATS: Mapping[int, str] = {number: one for one, number in FORMAT_NUMBERS.items()}


def report_id(value: str, field: str = "report_id") -> str:
    """Returns the id of a report."""
    if not value:
        raise rules.required(field)
    return rules.identifier(field, value)


def draft(message: pb.Report) -> ReportDraft:
    """Returns a report as somebody wants it; refuses what cannot be one."""
    if not message.title.strip():
        raise rules.required("report.title")
    if not message.blocks:
        raise rules.required("report.blocks")
    request_limits.BLOCKS.check(len(message.blocks))
    content = pb.Report(blocks=message.blocks, formats=message.formats, locale=message.locale)
    content.description = dashboard_conversion.text(
        "report.description", message.description, _MAX_DESCRIPTION, has_lines=True
    )
    if message.HasField("period"):
        content.period.CopyFrom(checked_period(message.period, "report.period"))
    if message.HasField("filter"):
        request_limits.FILTERS.check(len(message.filter.ListFields()) - 1 + max(1, len(message.filter.dimensions)))
        content.filter.CopyFrom(message.filter)
    if message.locale not in ("", *texts.LOCALES):
        raise _invalid("report.locale", f"{message.locale[:64]!r} is none of {', '.join(texts.LOCALES)}")
    formats(message.formats, "report.formats")
    for one in content.blocks:
        _check_block(one)
    visibility = _visibility(message)
    people = _people(message, visibility)
    return ReportDraft(
        title=dashboard_conversion.title("report.title", message.title),
        description=content.description,
        visibility=visibility,
        readers=tuple(one.subject for one in people if not one.may_edit),
        editors=tuple(one.subject for one in people if one.may_edit),
        blocks=len(content.blocks),
        content=content.SerializeToString(),
    )


def _visibility(message: pb.Report) -> ReportVisibility:
    found = _VISIBILITIES.get(message.visibility)
    if found is None:
        raise Refused(Reason.INVALID_ENUM, "not a known visibility", field="report.visibility")
    return found


def _people(message: pb.Report, visibility: ReportVisibility) -> Sequence[pb.ReportPerson]:
    request_limits.PEOPLE.check(len(message.people))
    if message.people and visibility is not ReportVisibility.PEOPLE:
        raise _invalid("report.people", "go with REPORT_VISIBILITY_PEOPLE and no other visibility")
    found = dict[str, pb.ReportPerson]()
    for one in message.people:
        if not one.subject:
            raise rules.required("report.people.subject")
        found[rules.identifier("report.people.subject", one.subject)] = one
    return list(found.values())


def formats(numbers: Sequence[int], field: str) -> list[str]:
    """Returns formats by their numbers; refuses an unknown one."""
    unknown = [one for one in numbers if one not in _FORMATS]
    if unknown:
        raise Refused(Reason.INVALID_ENUM, "not a known format", field=field)
    return [_FORMATS[one] for one in numbers]


def checked_period(message: pb.ReportPeriod, field: str) -> pb.ReportPeriod:
    """Returns a period by name; refuses one that there is not."""
    periods.check(message.range, f"{field}.range", periods.NAMES)
    periods.check(message.comparison, f"{field}.comparison", periods.COMPARISONS)
    checked = pb.ReportPeriod(range=message.range, comparison=message.comparison)
    if message.time_zone:
        checked.time_zone = account_conversion.checked_zone(f"{field}.time_zone", message.time_zone)
    return checked


def _check_block(block: pb.ReportBlock) -> None:
    """Refuses a block whose form is wrong."""
    where = "report.blocks"
    if not block.kind:
        raise rules.required(f"{where}.kind")
    if block.kind not in blocks.KINDS:
        raise _invalid(f"{where}.kind", f"{block.kind[:64]!r} is none of {', '.join(blocks.KINDS)}")
    dashboard_conversion.title(f"{where}.title", block.title)
    dashboard_conversion.text(f"{where}.note", block.note, _MAX_NOTE, has_lines=True)
    if block.HasField("options"):
        dashboard_conversion.check_options(block.options, f"{where}.options")
    which = block.WhichOneof("question")
    if block.kind == "text":
        if which is not None:
            raise _invalid(f"{where}.{which}", "a text asks nothing")
        return
    if which is None:
        raise rules.required(f"{where}.question")
    wanted = _QUESTIONS_OF.get(block.kind)
    if wanted is not None and which not in wanted:
        raise _invalid(f"{where}.{which}", f"a {block.kind} takes {' or '.join(wanted)}")
    for field, _ in getattr(block, which).ListFields():
        if field.name in _OF_RUNS:
            raise _invalid(f"{where}.{which}.{field.name}", f"a block is stored without {field.name}: a run puts it in")
    if which == "funnel" and block.funnel.definition.HasField("window"):
        window = block.funnel.definition.window
        rules.duration(f"{where}.funnel.definition.window", window.seconds, window.nanos)


def _invalid(field: str, why: str) -> Refused:
    return Refused(Reason.INVALID_VALUE, why, field=field)


def report(principal: Principal, kept: KeptReport) -> pb.Report:
    """Returns the message of a report as the caller sees it."""
    draft_of = kept.draft
    message = pb.Report.FromString(draft_of.content)
    message.report_id, message.title, message.description = kept.report_id, draft_of.title, draft_of.description
    message.visibility = _NUMBERS[draft_of.visibility]
    if kept.owner == principal.subject or saved.may_edit(principal, kept):
        message.people.extend(pb.ReportPerson(subject=one) for one in draft_of.readers)
        message.people.extend(pb.ReportPerson(subject=one, may_edit=True) for one in draft_of.editors)
    message.owner, message.updated_by = kept.owner, kept.updated_by
    if (part := shared.restriction(kept.restriction)) is not None:
        message.restriction.CopyFrom(part)
    message.version, message.etag = kept.version, kept.etag
    message.created_at.CopyFrom(shared.instant(kept.created_at))
    message.updated_at.CopyFrom(shared.instant(kept.updated_at))
    message.may_edit = saved.may_edit(principal, kept)
    return message


def versions(found: Sequence[KeptReport]) -> list[pb.ReportVersion]:
    """Returns the messages of versions."""
    return [
        pb.ReportVersion(
            version=one.version,
            title=one.draft.title,
            blocks=one.draft.blocks,
            updated_at=shared.instant(one.updated_at),
            updated_by=one.updated_by,
        )
        for one in found
    ]


def zone(name: str, otherwise: str) -> str:
    """Returns the canonical name of a zone, or the other one where none is named."""
    return account_conversion.checked_zone("schedule.time_zone", name) if name else timerange.zone(otherwise).key
