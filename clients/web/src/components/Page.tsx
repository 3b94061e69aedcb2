/** A page: heading, toolbar, line at the head, content, and what the answer says of itself. */
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { AnswerContext, ComparedPeriod } from "@contract/answer_pb.js";
import { t } from "../text";
import { count, day, days, percent } from "../format";
import { ms } from "../contract";
import { comparison, place } from "../state/address";
import { zone } from "../state/period";
import { dayOf } from "../state/zone";
import { LeadLine } from "./LeadLine";
import { Restricted } from "./Restricted";
import { Toolbar } from "./Toolbar";

let firstPage = true;

/** The heading of a page, which takes the focus after navigation. */
export function Heading({ children, tools }: { children: ComponentChildren; tools?: ComponentChildren }): JSX.Element {
  const heading = useRef<HTMLHeadingElement>(null);
  const { path } = place.value;
  useEffect(() => {
    document.title = `${heading.current?.textContent ?? ""} · ${t.product}`;
    if (firstPage) firstPage = false;
    else heading.current?.focus({ preventScroll: true });
  }, [path]);
  return (
    <div class="heading">
      <h1 ref={heading} tabIndex={-1}>
        {children}
      </h1>
      {tools}
    </div>
  );
}

/** What an answer says of itself: revision, bounds, zone, what is approximate. */
export function Footer({ context }: { context: AnswerContext | undefined }): JSX.Element | null {
  if (context === undefined) return null;
  const approximation = context.approximation;
  const bounds =
    context.start === undefined
      ? ""
      : ` · ${days(dayOf(ms(context.start), zone.value), dayOf(ms(context.end) - 1, zone.value))} ${context.timeZone}`;
  const first = ms(context.firstEventAt);
  const late =
    first > ms(context.start) && context.start !== undefined
      ? ` · ${t.card.beforeFirst(day(dayOf(first, zone.value)))}`
      : "";
  return (
    <footer class="foot muted small">
      {t.footer.revision(count(context.asOfRevision))}
      {bounds}
      {late} ·{" "}
      {approximation !== undefined && approximation.metrics.length > 0
        ? t.footer.approximate(percent(approximation.maxRelativeError))
        : t.footer.exact}
      {context.restriction !== undefined && " · "}
      <Restricted to={context.restriction} />
      {context.lagging.length > 0 && <p class="stale">{t.footer.lagging}</p>}
    </footer>
  );
}

export interface PageProps {
  title: ComponentChildren;
  context?: AnswerContext | undefined;
  compared?: ComparedPeriod | undefined;
  compares?: boolean;
  filters?: boolean;
  toolbar?: boolean;
  lead?: ComponentChildren;
  tools?: ComponentChildren;
  children: ComponentChildren;
}

/** A page. */
export function Page({
  title,
  context,
  compared,
  compares = true,
  filters = true,
  toolbar = true,
  lead,
  tools,
  children,
}: PageProps): JSX.Element {
  return (
    <>
      <Heading tools={tools}>{title}</Heading>
      {lead !== undefined && <p class="muted page-lead">{lead}</p>}
      {toolbar && <Toolbar compares={compares} filters={filters} />}
      {toolbar && (
        <LeadLine
          running={context?.stillRunning === true}
          asOf={ms(context?.asOfTime)}
          compared={compares && comparison.value !== "none" ? compared : undefined}
          firstEvent={ms(context?.firstEventAt)}
        />
      )}
      <div class="grid">{children}</div>
      <Footer context={context} />
    </>
  );
}
