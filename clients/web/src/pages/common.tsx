/** What several pages need: opening buckets, tables by a dimension, rows behind figures, heat maps. */
import type { JSX } from "preact";
import type { RowsToken } from "@contract/rows_pb.js";
import { RowsKind } from "@contract/rows_pb.js";
import type { MetricRow, QueryMetricsResponse } from "@contract/metrics_service_pb.js";
import { bucketName } from "../charts/labels";
import type { Bucket } from "../charts/prepare";
import { Spark } from "../charts/Spark";
import { Change } from "../components/Card";
import { Link } from "../components/basics";
import type { Column } from "../components/Table";
import { cell, metricInfo, bucket as bucketFrom, value } from "../contract";
import { count, figure } from "../format";
import { DIMENSIONS, go, href, setParams } from "../state/address";
import type { Changes } from "../state/address";
import { zone } from "../state/period";
import { may } from "../state/session";
import { dayOf } from "../state/zone";
import { t } from "../text";

const HOUR = 3_600_000;

/** Opens a bucket: a day's hours, and an hour's conversations. */
export function openBucket(one: Bucket): void {
  if (one.end - one.start > HOUR)
    setParams({ range: `${dayOf(one.start, zone.value)}..${dayOf(one.end - 1, zone.value)}` });
  else go(href("/conversations", { at: `${new Date(one.start).toISOString()}..${new Date(one.end).toISOString()}` }));
}

/** Makes the buckets from one to another the page's period. */
export function selectBuckets(first: Bucket, last: Bucket): void {
  setParams({ range: `${dayOf(first.start, zone.value)}..${dayOf(last.end - 1, zone.value)}` });
}

/** The name of the granularity with the zone, for the caption of a chart. */
export function caption(granularity: number, place = zone.value): string {
  return `${t.chart.by[granularity] ?? ""}, ${place}`;
}

/** What opens the rows of a figure: the page with rows, the question in its address, and the token of this very figure. */
export interface RowsLink {
  to: string;
  changes: Record<string, string>;
  state: { token: string; kind: RowsKind };
}

/** Returns the link to the rows of a figure; undefined where no list has them. */
export function rowsLink(
  metric: string,
  token: RowsToken | undefined,
  narrowed: Record<string, string> = {},
): RowsLink | undefined {
  if (token === undefined || token.kind === RowsKind.UNSPECIFIED || !may("events")) return undefined;
  return { to: "/rows", changes: { metric, ...narrowed }, state: { token: token.token, kind: token.kind } };
}

/** A figure that opens its rows where some list has them. */
export function Figure({
  metric,
  amount,
  token,
  narrowed = {},
  unit,
}: {
  metric: string;
  amount: number | undefined;
  token: RowsToken | undefined;
  narrowed?: Record<string, string>;
  unit?: string;
}): JSX.Element {
  const text = figure(amount, unit ?? metricInfo(metric).unit);
  const link = amount === undefined ? undefined : rowsLink(metric, token, narrowed);
  if (link === undefined) return <span title={amount === undefined ? t.absent.none : undefined}>{text}</span>;
  return (
    <Link
      to={link.to}
      changes={link.changes}
      state={link.state}
      class="quiet"
      aria-label={`${text}. ${t.card.rows(metricInfo(metric).title)}`}
    >
      {text}
    </Link>
  );
}

/** Returns the filter of the address that a value of a dimension means. */
export function narrowing(dimension: string, one: string): Record<string, string> {
  return (DIMENSIONS as readonly string[]).includes(dimension) ? { [dimension]: one } : { dim: dimension, val: one };
}

/** A row of a table by a dimension. */
export interface DimensionRow {
  id: string;
  name: string;
  wire: MetricRow;
  isOther: boolean;
}

/** Returns the rows of an answer, and that of all values beyond the limit. */
export function dimensionRows(answer: QueryMetricsResponse): { rows: DimensionRow[]; other: DimensionRow | undefined } {
  const rows = answer.rows.map((wire) => ({
    id: wire.values.join(" · "),
    name: wire.displayName || wire.values.join(" · "),
    wire,
    isOther: false,
  }));
  const { other } = answer;
  return {
    rows,
    other: other === undefined ? undefined : { id: "_other", name: "_other", wire: other, isOther: true },
  };
}

/** Returns columns for the metrics of an answer, the first of them with a bar. */
export function metricColumns(
  answer: QueryMetricsResponse,
  names: readonly string[],
  extra: readonly string[] = [],
  dimension = answer.groupBy[0] ?? "agent",
): Column<DimensionRow>[] {
  return names.flatMap((name) => {
    const index = answer.metrics.findIndex((one) => one.metric === name);
    if (index < 0) return [];
    const { title, unit, additive } = metricInfo(name);
    return [
      {
        key: name,
        title: t.short[name] ?? title,
        unit,
        bar: name === names[0],
        extra: extra.includes(name),
        total: additive ? cell(answer.total?.figures[index]) : undefined,
        value: (row: DimensionRow) => cell(row.wire.figures[index]),
        show: (row: DimensionRow) => (
          <Figure
            metric={name}
            amount={cell(row.wire.figures[index])}
            token={row.wire.rowsTokens[name]}
            narrowed={narrowing(dimension, row.id)}
          />
        ),
      },
    ];
  });
}

/** A column with the course of a metric. */
export function sparkColumn(answer: QueryMetricsResponse, name: string): Column<DimensionRow> {
  const index = answer.metrics.findIndex((one) => one.metric === name);
  const buckets = answer.buckets.map(bucketFrom);
  return {
    key: `${name}-course`,
    title: t.agents.trend,
    plain: true,
    value: () => undefined,
    show: (row) => (
      <Spark
        buckets={buckets}
        values={(row.wire.series[index]?.values ?? []).map(value)}
        additive={metricInfo(name).additive}
        width={96}
        height={24}
      />
    ),
  };
}

/** A column with the change of a metric. */
export function changeColumn(answer: QueryMetricsResponse, name: string): Column<DimensionRow> {
  const index = answer.metrics.findIndex((one) => one.metric === name);
  const both = (row: DimensionRow): [number | undefined, number | undefined] => [
    cell(row.wire.figures[index]),
    cell(row.wire.earlierFigures[index]),
  ];
  return {
    key: `${name}-change`,
    title: `${t.table.change}: ${metricInfo(name).title}`,
    unit: "fraction",
    value: (row) => {
      const [now, before] = both(row);
      return now === undefined || before === undefined || before === 0 ? undefined : now / before - 1;
    },
    show: (row) => {
      const [now, before] = both(row);
      return before === 0 && now !== undefined && now > 0 ? (
        <span class="muted">{t.card.noneBefore}</span>
      ) : (
        <Change metric={name} now={now} before={before} />
      );
    },
  };
}

/** A link that narrows the page to a value of a dimension, or goes to the agent. */
export function ValueLink({
  dimension,
  id,
  name,
  changes = {},
}: {
  dimension: string;
  id: string;
  name: string;
  changes?: Changes;
}): JSX.Element {
  if (dimension === "agent")
    return (
      <Link to={`/agents/${encodeURIComponent(id)}`} changes={{ agent: undefined, ...changes }} class="name" title={id}>
        {name}
      </Link>
    );
  if (dimension === "user")
    return (
      <Link to={`/users/${encodeURIComponent(id)}`} class="name" title={id}>
        {name}
      </Link>
    );
  if (dimension === "topic" || dimension === "handoff_reason")
    return (
      <Link to="/conversations" changes={{ [dimension === "topic" ? "topic" : "reason"]: id }} class="name">
        {name}
      </Link>
    );
  if ((DIMENSIONS as readonly string[]).includes(dimension))
    return (
      <Link
        to="/overview"
        changes={{ ...Object.fromEntries(DIMENSIONS.map((one) => [one, undefined])), [dimension]: id }}
        class="name"
      >
        {name}
      </Link>
    );
  return <span class="name">{name}</span>;
}

/** Weekday × hour, darker where there is more. */
export function HeatMap({
  cells,
  name,
}: {
  cells: readonly { weekday: number; hour: number; amount: number }[];
  name: string;
}): JSX.Element {
  const most = Math.max(1, ...cells.map((one) => one.amount));
  const of = new Map(cells.map((one) => [one.weekday * 24 + one.hour, one.amount]));
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={name}>
      <table class="heat">
        <thead>
          <tr>
            <td />
            {Array.from({ length: 24 }, (_, hour) => (
              <th key={hour} scope="col">
                {hour % 3 === 0 ? String(hour) : <span class="hidden">{hour}</span>}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {t.weekdays.map((label, i) => (
            <tr key={label}>
              <th scope="row">
                {label.slice(0, 2)}
                <span class="hidden">{label.slice(2)}</span>
              </th>
              {Array.from({ length: 24 }, (_, hour) => {
                const amount = of.get((i + 1) * 24 + hour) ?? 0;
                const strength = amount === 0 ? 0 : 1 + Math.floor((amount / most) * 6.999);
                return (
                  <td
                    key={hour}
                    class={`h${String(Math.min(7, strength))}`}
                    title={`${label} ${String(hour)}:00: ${count(amount)}`}
                  >
                    <span class="hidden">{count(amount)}</span>
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** Names with bars, the longest first as they come. */
export function BarList({
  rows,
}: {
  rows: readonly { id: string; name: JSX.Element | string; amount: number; text: string | JSX.Element }[];
}): JSX.Element {
  const most = Math.max(1, ...rows.map((row) => row.amount));
  return (
    <ul class="bars">
      {rows.map((row) => (
        <li key={row.id}>
          <span class="bar-name">{row.name}</span>
          <span class="bar-room" aria-hidden="true">
            <span class="bar-mark" style={{ width: `${String((row.amount / most) * 100)}%` }} />
          </span>
          <span class="number">{row.text}</span>
        </li>
      ))}
    </ul>
  );
}

/** Name of a bucket in the page's zone. */
export function nameOf(one: Bucket): string {
  return bucketName(one, zone.value);
}
