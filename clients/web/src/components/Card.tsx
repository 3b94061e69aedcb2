/** A key figure: title, definition, figure, change, and a small line. */
import type { ComponentChildren, JSX } from "preact";
import { useState } from "preact/hooks";
import { AbsenceReason } from "@contract/answer_pb.js";
import { MetricKind, MetricsService } from "@contract/metrics_service_pb.js";
import type { MetricDescriptor } from "@contract/metrics_service_pb.js";
import { t } from "../text";
import { ABSENT, changed, figure, isBetter, percent, shown } from "../format";
import { metricInfo } from "../contract";
import { useQuestion } from "../api/question";
import { may } from "../state/session";
import { Spark } from "../charts/Spark";
import type { Bucket } from "../charts/prepare";
import { Answered, Link, Popover } from "./basics";

export interface CardProps {
  metric: string;
  value: number | undefined;
  /** Whether the figure is still being asked for: a figure that is absent is something else. */
  pending?: boolean;
  before?: number | undefined;
  /** Whether the page compares at all. */
  compares?: boolean | undefined;
  /** Why there is no earlier figure. */
  absence?: AbsenceReason | undefined;
  series?: { buckets: readonly Bucket[]; values: readonly (number | null)[] } | undefined;
  /** What stands small below the figure. */
  note?: ComponentChildren;
  /** Opens the rows behind the figure. */
  rows?: { to: string; changes: Record<string, string>; state?: unknown } | undefined;
  title?: string | undefined;
  unit?: string | undefined;
  /** Direction of good, where the catalogue has no metric of this name. */
  better?: "+" | "-" | undefined;
  onFocus?: (() => void) | undefined;
  focused?: boolean;
  /** What the figure is, where it is none of the catalogue. */
  definition?: string | undefined;
}

/** A change against the comparison: arrow, number, and a word for those who do not see the colour. */
export function Change({
  metric,
  now,
  before,
  unit,
  better,
}: {
  metric: string;
  now: number | undefined;
  before: number | undefined;
  unit?: string | undefined;
  better?: "+" | "-" | undefined;
}): JSX.Element | null {
  const info = metricInfo(metric);
  const change = changed(now, before, unit ?? info.unit);
  if (change === undefined) return null;
  if (change.direction === 0) return <span class="change">= {change.text}</span>;
  const good = isBetter(change.direction, better ?? info.better);
  return (
    <span class={`change ${good === undefined ? "" : good ? "good" : "bad"}`}>
      <span aria-hidden="true">{change.direction === 1 ? "▲" : "▼"}</span> {change.text}
      {good !== undefined && <span class="hidden"> {good ? t.card.better : t.card.worse}</span>}
    </span>
  );
}

function ChangeLine({ props, unit }: { props: CardProps; unit: string }): JSX.Element {
  const { value, before, compares, absence } = props;
  if (compares !== true || value === undefined) return <span />;
  if (absence === AbsenceReason.TOO_EARLY) return <span class="muted">{t.card.tooEarly}</span>;
  if (before === undefined || (before === 0 && unit !== "fraction")) {
    if (absence !== undefined && absence !== AbsenceReason.UNSPECIFIED) return <span />;
    if (value !== 0 || before !== 0) return <span class="muted">{t.card.noneBefore}</span>;
    return (
      <>
        <span class="change">=</span>
        <span class="muted was">{t.card.was(figure(before, unit, true))}</span>
      </>
    );
  }
  return (
    <>
      <Change metric={props.metric} now={value} before={before} unit={unit} better={props.better} />
      <span class="muted was">{t.card.was(figure(before, unit, true))}</span>
    </>
  );
}

/** A card of fixed height, so that nothing moves when figures come. */
export function Card(props: CardProps): JSX.Element {
  const { metric, value, series, note, focused = false, onFocus } = props;
  // Rows open with the scope events alone.
  const rows = may("events") ? props.rows : undefined;
  const info = metricInfo(metric);
  const unit = props.unit ?? info.unit;
  const title = props.title ?? info.title;
  const { text, unit: small } = shown(value, unit);
  const full = figure(value, unit);
  const number = (
    <>
      {text}
      {small !== "" && <small> {small}</small>}
    </>
  );
  return (
    <section class={`card${focused ? " focused" : ""}${series === undefined ? " plain" : ""}`} data-metric={metric}>
      <header>
        <h2>
          {onFocus === undefined ? (
            title
          ) : (
            <button type="button" class="title" aria-pressed={focused} onClick={onFocus}>
              {title}
            </button>
          )}
        </h2>
        <Definition metric={metric} title={title} text={props.definition} />
      </header>
      <div class="figure-line" {...(props.pending === true ? { "aria-busy": true } : {})}>
        <p class="figure" {...(props.pending === true ? {} : { title: text === ABSENT ? t.absent.none : full })}>
          {props.pending === true ? (
            <span class="hidden">{t.state.loading}</span>
          ) : rows === undefined || value === undefined ? (
            <span aria-label={text === ABSENT ? t.absent.none : full}>{number}</span>
          ) : (
            <Link
              to={rows.to}
              changes={rows.changes}
              state={rows.state}
              aria-label={`${full.startsWith(text) ? full : `${text}${small === "" ? "" : ` ${small}`} (${full})`}. ${t.card.rows(title)}`}
            >
              {number}
            </Link>
          )}
        </p>
        {note !== undefined && <span class="muted note">{note}</span>}
      </div>
      <p class="change-line">
        <ChangeLine props={props} unit={unit} />
      </p>
      {series !== undefined && (
        <Spark values={series.values} buckets={series.buckets} additive={info.additive || unit === "1"} />
      )}
    </section>
  );
}

/** A button with "?", which opens the definition of a metric. */
export function Definition({
  metric,
  title,
  text,
}: {
  metric: string;
  title: string;
  text?: string | undefined;
}): JSX.Element {
  const [id] = useState(() => `definition-${metric}-${String(Math.random()).slice(2, 8)}`);
  return (
    <Popover id={id} label="?" title={t.card.definition(title)} buttonClass="question" class="definition">
      {text === undefined ? (
        <DefinitionText metric={metric} />
      ) : (
        <>
          <p>
            <b>{title}</b>
          </p>
          <p>{text}</p>
        </>
      )}
    </Popover>
  );
}

function DefinitionText({ metric }: { metric: string }): JSX.Element {
  const asked = useQuestion(MetricsService.method.listMetrics, {});
  return (
    <Answered asked={asked} height={90}>
      {({ metrics }) => {
        const found = metrics.find((one) => one.name === metric);
        return found === undefined ? <p>{metric}</p> : <Described metric={found} />;
      }}
    </Answered>
  );
}

function Described({ metric }: { metric: MetricDescriptor }): JSX.Element {
  const { name, title, description, kind, inputs, eventTypes, maxRelativeError } = metric;
  return (
    <>
      <p>
        <b>{title}</b> <code class="muted">{name}</code>
      </p>
      <p>{description}</p>
      {eventTypes.length > 0 && (
        <p class="small muted">
          {t.card.counted}: {eventTypes.join(", ")}
        </p>
      )}
      {kind === MetricKind.RATIO && inputs.length > 0 && (
        <p class="small muted">
          {t.card.inputs}: {inputs.join(", ")}
        </p>
      )}
      <p class="small muted">{maxRelativeError > 0 ? t.card.within(percent(maxRelativeError)) : t.card.exact}</p>
    </>
  );
}
