"""The command that shows campaigns: their leads, what became of those, and what it cost."""

from collections.abc import Callable, Iterator, Sequence
from typing import Annotated, Final, Literal

import typer
from rich.console import Console

from tallywire.cli import (
    breakdowns,
    completion,
    csv_output,
    figure_tables,
    formatting,
    json_output,
    layout,
    options,
    points,
    problems,
    tables,
)
from tallywire.cli.csv_output import Cell, Sheet
from tallywire.cli.figure_tables import Figure, figure
from tallywire.cli.tables import Column
from tallywire.v1 import campaign_service_pb2 as messages

_COUNTS: Final = tuple(field.name for field in messages.CampaignFigures.DESCRIPTOR.fields if field.has_presence)
_AMOUNTS: Final = tuple(field.name for field in messages.CampaignAmounts.DESCRIPTOR.fields)
_ORDERS: Final = (*_COUNTS, *(name for name in _AMOUNTS if name != "currency"))
_LABELS: Final = (
    ("leads_generated", "Leads generated", formatting.count),
    ("cohort_leads_contacted", "· contacted", formatting.count),
    ("cohort_leads_converted", "· converted", formatting.count),
    ("cohort_leads_lost", "· lost", formatting.count),
    ("cohort_leads_open", "· open", formatting.count),
    ("lead_contact_rate", "Contact rate", formatting.fraction),
    ("lead_conversion_rate", "Conversion rate", formatting.fraction),
    ("lead_loss_rate", "Loss rate", formatting.fraction),
)

_APART: Final[Sequence[tuple[Literal["without_campaign", "other", "total"], str]]] = (
    ("without_campaign", "No campaign"),
    ("other", "_other"),
    ("total", "Total"),
)
_TIMES: Final[Sequence[tuple[Literal["started_at", "ended_at"], str]]] = (
    ("started_at", "began"),
    ("ended_at", "ended"),
)


@problems.reported
@options.grouped
def campaigns(
    *,
    campaign_id: Annotated[
        str | None,
        typer.Argument(autocompletion=completion.values_of("campaign"), help="Show this one alone, with a series."),
    ] = None,
    of: options.PeriodOptions,
    order: Annotated[
        str | None, typer.Option(help="Figure that orders them, as cost_per_lead_micros. Default: leads_generated.")
    ] = None,
    ascending: Annotated[bool, typer.Option("--ascending", help="The smallest figure first.")] = False,
    currency: Annotated[
        str | None, typer.Option(help="Currency of amounts that order them. Default: the organization's.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, max=1000, help="Most campaigns to show. Default: 50.")] = None,
    granularity: options.Granularity = None,
    compare: options.Compare = None,
    to: options.ServerOptions,
    output: options.OutputOptions,
) -> None:
    """Show campaigns: leads, their outcome, and cost.

    What became of a lead counts when it was created. Amounts of different currencies are rows of their own.
    """
    question, width, compared = of.question(), options.granularity(granularity), options.compare(compare)
    if campaign_id is None and width is not None:
        raise problems.WrongUsage("--granularity goes with a campaign")
    _check_order(order)
    if campaign_id is not None and (order or ascending or currency or limit):
        raise problems.WrongUsage("--order, --ascending, --currency and --limit go without a campaign")
    with to.connect() as server:
        asked = options.asked(question, server)
        zone = asked.time_zone
        if campaign_id is None:
            listed = server.campaigns(
                asked.start,
                asked.end,
                page_size=limit,
                order_by=order,
                ascending=ascending,
                currency=currency,
                time_zone=zone,
                compare=compared,
            )
        else:
            one = server.campaign(
                campaign_id, asked.start, asked.end, granularity=width, time_zone=zone, compare=compared
            )
    if campaign_id is None:
        output.emit(
            document=lambda: json_output.of(listed),
            sheet=lambda: list_sheet(listed),
            terminal=lambda console: render_list(console, listed),
        )
    else:
        output.emit(
            document=lambda: json_output.with_states(one, "points", one.granularity),
            sheet=lambda: sheet(one),
            terminal=lambda console: render(console, one),
        )


def _check_order(order: str | None) -> None:
    """Raises WrongUsage for what is no figure of campaigns."""
    if order is not None and order not in _ORDERS:
        raise problems.WrongUsage(f"--order is one of {', '.join(_ORDERS)}, not {order!r}")


def list_sheet(response: messages.ListCampaignsResponse) -> Sheet:
    """Returns a row for each campaign and currency; then those of no campaign, of others, and of all together."""
    return Sheet(
        header=("row", "campaign_id", "name", "started_at", "ended_at", *_COUNTS, *_AMOUNTS), rows=_list_rows(response)
    )


def _list_rows(response: messages.ListCampaignsResponse) -> Iterator[Sequence[Cell]]:
    where = formatting.zone(response.context.time_zone)
    for one in response.campaigns:
        times = (csv_output.instant(getattr(one, name), where) if one.HasField(name) else None for name, _ in _TIMES)
        described = ("campaign", one.campaign_id, one.name or None, *times)
        yield from ((*described, *cells) for cells in _cells(one.figures))
    for name, _ in _APART:
        if response.HasField(name):
            yield from ((name, None, None, None, None, *cells) for cells in _cells(getattr(response, name)))


def sheet(response: messages.GetCampaignResponse) -> Sheet:
    """Returns rows of the period, of the earlier one, and of each point of the series, one for each currency."""
    return Sheet(header=("row", "start", "end", "state", *_COUNTS, *_AMOUNTS), rows=_rows(response))


def _rows(response: messages.GetCampaignResponse) -> Iterator[Sequence[Cell]]:
    zone = response.context.time_zone
    found = [("period", breakdowns.bounds(response.context, zone), response.campaign.figures)]
    if response.campaign.HasField("earlier_figures"):
        found.append(("earlier", breakdowns.bounds(response.compared, zone), response.campaign.earlier_figures))
    states = points.states([one.bucket for one in response.points], response.granularity, response.context)
    for point, state in zip(response.points, states, strict=True):
        found.append(("point", breakdowns.bounds(point.bucket, zone, state), point.figures))
    for row, bounds, figures in found:
        yield from ((row, *bounds, *cells) for cells in _cells(figures))


def _cells(figures: messages.CampaignFigures) -> Iterator[Sequence[Cell]]:
    """Yields the cells of figures, once for each currency; without any currency its cells are empty."""
    counts = [csv_output.field(figures, name) for name in _COUNTS]
    for amounts in figures.amounts or [messages.CampaignAmounts()]:
        yield (*counts, *(csv_output.field(amounts, name) for name in _AMOUNTS))


def render_list(console: Console, response: messages.ListCampaignsResponse) -> None:
    """Prints a row for each campaign and currency, and below what is no campaign's, and the total."""
    where = formatting.zone(response.context.time_zone)
    shown, number = len(response.campaigns), response.campaign_count
    more = [f"{shown:,} of {number:,} campaigns"] if shown < number else []
    notes = [*more, *layout.comparison(response.compared, where)]
    console.print(layout.heading("Campaigns", response.context, notes))
    own = response.context.currency
    rows = [row for one in response.campaigns for row in _lines(one.name or one.campaign_id, one.figures, own)]
    apart = [
        row for name, label in _APART if response.HasField(name) for row in _lines(label, getattr(response, name), own)
    ]
    columns = [
        Column(heading="Campaign", is_text=True),
        *(Column(heading=one) for one in ("Leads", "Won", "Rate")),
        Column(heading="", is_text=True, least=3),
        *(Column(heading=one) for one in ("Revenue", "Cost", "Per lead", "Return")),
    ]
    tables.show(console, columns, rows, apart=apart)


def _lines(name: str, figures: messages.CampaignFigures, own: str) -> Iterator[list[str]]:
    """Yields a line for each currency, the first one with the counts."""
    counts = [
        formatting.short(figures.leads_generated),
        formatting.short(figures.cohort_leads_converted),
        formatting.field(figures, "lead_conversion_rate", formatting.fraction),
    ]
    for amounts in figures.amounts or [messages.CampaignAmounts(currency=own)]:
        yield [
            name,
            *counts,
            amounts.currency,
            formatting.field(amounts, "cohort_converted_value_micros", formatting.money),
            formatting.field(amounts, "campaign_cost_micros", formatting.money),
            formatting.field(amounts, "cost_per_lead_micros", formatting.money),
            formatting.field(amounts, "roi", formatting.fraction),
        ]
        name, counts = "", ["", "", ""]


def render(console: Console, response: messages.GetCampaignResponse) -> None:
    """Prints the figures of a campaign beside earlier ones, its amounts in each currency, and a series."""
    one, where = response.campaign, formatting.zone(response.context.time_zone)
    title = f"{one.name} ({one.campaign_id})" if one.name else one.campaign_id
    times = [f"{word} {formatting.instant(getattr(one, name), where)}" for name, word in _TIMES if one.HasField(name)]
    notes = [*times, *layout.comparison(response.compared, where)]
    console.print(layout.heading(formatting.plain(title), response.context, notes))
    has_earlier = one.HasField("earlier_figures")
    rows = [
        [
            label,
            formatting.field(one.figures, name, form),
            *([formatting.field(one.earlier_figures, name, form)] if has_earlier else []),
        ]
        for name, label, form in _LABELS
    ]
    tables.show(console, _columns("Figure", "Period", *(["Earlier"] if has_earlier else [])), rows)
    if one.figures.amounts:
        console.print()
        headings = ("Value", "Mean value", "Revenue", "Cost", "Per lead", "Return")
        tables.show(console, _columns("Currency", *headings), [_amounts(each) for each in one.figures.amounts])
    own = response.context.currency
    figure_tables.show_series(console, response.context, response.granularity, response.points, _series(own))


def _columns(first: str, *others: str) -> list[Column]:
    return [Column(heading=first, is_text=True, least=16), *(Column(heading=one) for one in others)]


def _amounts(amounts: messages.CampaignAmounts) -> list[str]:
    money = ("cohort_lead_value_micros", "avg_lead_value_micros", "cohort_converted_value_micros")
    return [
        amounts.currency,
        *(
            formatting.field(amounts, name, formatting.money)
            for name in (*money, "campaign_cost_micros", "cost_per_lead_micros")
        ),
        formatting.field(amounts, "roi", formatting.fraction),
    ]


def _series(currency: str) -> list[Figure]:
    """Returns the figures of a point, its amounts in a currency."""

    def amount(name: str) -> Callable[[messages.CampaignFigures], float]:
        def value(figures: messages.CampaignFigures) -> float:
            own = (one for one in figures.amounts if one.currency == currency)
            found: int = getattr(next(own, messages.CampaignAmounts()), name)
            return found

        return value

    return [
        figure("leads_generated", "Leads", formatting.short),
        figure("cohort_leads_contacted", "Contacted", formatting.short),
        figure("cohort_leads_converted", "Won", formatting.short),
        figure("lead_conversion_rate", "Rate", formatting.fraction),
        Figure(label="Revenue", value=amount("cohort_converted_value_micros"), form=formatting.money),
        Figure(label="Cost", value=amount("campaign_cost_micros"), form=formatting.money),
    ]
