"""What tables of answers have in common: their form, and the heading above them."""

from collections.abc import Sequence
from datetime import tzinfo
from typing import Final

from rich import box
from rich.table import Table
from rich.text import Text

from tallywire.cli import formatting
from tallywire.v1 import answer_pb2


def table(*columns: tuple[str, str]) -> Table:
    """Returns an empty table without frame; headings come with the side on which their column stands."""
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1, 0, 0))
    for title, side in columns:
        made.add_column(title, justify="right" if side == "right" else "left", no_wrap=True)
    return made


_NOT_COMPARED: Final = {
    answer_pb2.ABSENCE_REASON_BEFORE_FIRST_EVENT: "the earlier period begins before the first event",
    answer_pb2.ABSENCE_REASON_BEFORE_FLOOR: "the earlier period is before all times that are kept",
    answer_pb2.ABSENCE_REASON_TOO_EARLY: "nothing of the period has passed yet",
    answer_pb2.ABSENCE_REASON_NOT_KEPT: "figures of the earlier period are not kept",
}


def comparison(compared: answer_pb2.ComparedPeriod, where: tzinfo) -> list[str]:
    """Returns the notes for a heading about what is compared: none without a comparison."""
    if not compared.HasField("start"):
        return []
    if compared.absence_reason:
        return [f"not compared: {_NOT_COMPARED.get(compared.absence_reason, 'it cannot be')}"]
    return [f"compared with {formatting.instant(compared.start, where)} to {formatting.instant(compared.end, where)}"]


def heading(title: str, context: answer_pb2.AnswerContext, more: Sequence[str] = (), about: Sequence[str] = ()) -> Text:
    """Returns the title, lines about its subject, and the period with its zone and how fresh the answer is."""
    where = formatting.zone(context.time_zone)
    period = f"{formatting.instant(context.start, where)} to {formatting.instant(context.end, where)}"
    notes = [f"revision {context.as_of_revision:,}"]
    if context.HasField("restriction"):
        notes.append(formatting.part(context.restriction))
    if context.still_running:
        notes.append("still running")
    if context.approximation.metrics:
        notes.append(f"percentiles within {context.approximation.max_relative_error * 100:g} %")
    made = Text(f"\n{title}", style="bold")
    lines = (*about, f"{period} {formatting.plain(context.time_zone)}", " · ".join(notes), " · ".join(more))
    made.append("".join(f"\n{line}" for line in lines if line) + "\n", style="dim")
    return made
