/** One line at the head of a page. */
import type { JSX } from "preact";
import { AbsenceReason } from "@contract/answer_pb.js";
import type { ComparedPeriod } from "@contract/answer_pb.js";
import { t } from "../text";
import { day, days, time } from "../format";
import { ms } from "../contract";
import { comparison } from "../state/address";
import { zone } from "../state/period";
import { dayOf } from "../state/zone";

function lastDay(end: number): string {
  return dayOf(end - 1, zone.value);
}

/** One line: until when the figures are, and what they are compared with. */
export function LeadLine({
  running,
  asOf,
  compared,
  firstEvent,
}: {
  running: boolean;
  asOf: number;
  compared?: ComparedPeriod | undefined;
  firstEvent?: number | undefined;
}): JSX.Element {
  const name = comparison.value.includes("..") ? "days" : comparison.value;
  const parts: JSX.Element[] = [];
  if (running)
    parts.push(
      <>
        <span class="so-far">{t.lead.soFar}</span> {t.lead.until(time(asOf, zone.value))}
      </>,
    );
  if (compared !== undefined && name !== "none") {
    const start = ms(compared.start);
    const end = ms(compared.end);
    const dates = end <= start ? "" : days(dayOf(start, zone.value), lastDay(end));
    if (compared.absenceReason === AbsenceReason.BEFORE_FIRST_EVENT && firstEvent !== undefined && firstEvent > 0) {
      parts.push(<>{t.lead.noBaseline(t.card.beforeFirst(day(dayOf(firstEvent, zone.value))))}</>);
    } else if (compared.absenceReason === AbsenceReason.TOO_EARLY) parts.push(<>{t.card.tooEarly}</>);
    else if (dates !== "")
      parts.push(
        <>
          {t.lead.compared(t.comparedWith[name] ?? name, dates)}
          {running && `, ${t.lead.asLong}`}
        </>,
      );
  }
  return (
    <p class="lead muted small">
      {parts.map((part, i) => (
        <span key={i}>
          {i > 0 && " · "}
          {part}
        </span>
      ))}
    </p>
  );
}
