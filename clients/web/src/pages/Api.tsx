/** How APIs and tools are used. */
import type { JSX } from "preact";
import type { ApiBreakdown, ApiFigures, GetApiUsageResponse } from "@contract/api_usage_pb.js";
import { MetricsService } from "@contract/metrics_service_pb.js";
import { useQuestion } from "../api/question";
import { Chart } from "../charts/Chart";
import { Card } from "../components/Card";
import { Page } from "../components/Page";
import { Tile, Whole } from "../components/basics";
import { Table } from "../components/Table";
import type { Column } from "../components/Table";
import { num, pointBucket } from "../contract";
import { comparison } from "../state/address";
import { comparisonAsked, filterAsked, timeRange, zone } from "../state/period";
import { t } from "../text";
import { caption, openBucket, rowsLink, selectBuckets } from "./common";

interface Row {
  id: string;
  figures: ApiFigures | undefined;
}

function columns(title: string): Column<Row>[] {
  return [
    {
      key: "value",
      title,
      value: (row) => row.id,
      show: (row) => (row.id === "_other" ? t.table.other : <code>{row.id}</code>),
    },
    { key: "calls", title: t.api.calls, unit: "1", bar: true, value: (row) => num(row.figures?.apiCalls) },
    { key: "errors", title: t.api.errors, unit: "1", value: (row) => num(row.figures?.apiErrors) },
    { key: "client", title: t.api.clientErrors, unit: "1", value: (row) => num(row.figures?.apiClientErrors) },
    { key: "rate", title: t.api.rate, unit: "fraction", value: (row) => row.figures?.apiErrorRate },
    { key: "p50", title: t.api.median, unit: "ms", value: (row) => row.figures?.p50ApiLatencyMs },
    { key: "p95", title: t.api.p95, unit: "ms", value: (row) => row.figures?.p95ApiLatencyMs },
    { key: "p99", title: t.api.p99, unit: "ms", value: (row) => row.figures?.p99ApiLatencyMs },
    {
      key: "bytes",
      title: t.api.bytes,
      unit: "By",
      value: (row) =>
        row.figures?.apiRequestBytes === undefined
          ? undefined
          : Number(row.figures.apiRequestBytes) + Number(row.figures.apiResponseBytes ?? 0n),
    },
    { key: "callers", title: t.api.callers, unit: "1", value: (row) => num(row.figures?.uniqueUsers) },
  ];
}

function Breakdown({
  breakdown,
  title,
  head,
  width,
  sort,
  keep,
}: {
  breakdown: ApiBreakdown | undefined;
  title: string;
  /** Title of the first column. */
  head: string;
  width: 6 | 12;
  sort: string;
  keep: readonly string[];
}): JSX.Element {
  const rows = (breakdown?.rows ?? []).map((row) => ({ id: row.value, figures: row.figures }));
  const other = (breakdown?.other?.apiCalls ?? 0n) > 0n ? { id: "_other", figures: breakdown?.other } : undefined;
  return (
    <Tile title={title} width={width}>
      <Table
        name={title}
        rows={rows}
        other={other}
        all={Number(breakdown?.distinctValues ?? 0n)}
        id={(row) => row.id}
        sort={sort}
        find={width === 12}
        columns={columns(head).map((one) => ({
          ...one,
          extra: !keep.includes(one.key),
          bar: sort === `-${one.key}`,
        }))}
      />
    </Tile>
  );
}

const ALL = ["calls", "errors", "client", "rate", "p50", "p95", "p99", "bytes", "callers"];

function Cards({ answer }: { answer: GetApiUsageResponse }): JSX.Element {
  const { figures, earlier, rowsTokens, compared } = answer;
  const rows = [
    ["api_calls", num(figures?.apiCalls), num(earlier?.apiCalls), t.api.calls],
    ["api_error_rate", figures?.apiErrorRate, earlier?.apiErrorRate, t.api.rate],
    ["p50_api_latency_ms", figures?.p50ApiLatencyMs, earlier?.p50ApiLatencyMs, `${t.api.latency}, ${t.api.median}`],
    ["p95_api_latency_ms", figures?.p95ApiLatencyMs, earlier?.p95ApiLatencyMs, `${t.api.latency}, ${t.api.p95}`],
  ] as const;
  return (
    <>
      {rows.map(([metric, now, before, title]) => (
        <Card
          key={metric}
          metric={metric}
          title={title}
          value={now}
          before={before}
          compares={comparison.value !== "none"}
          absence={compared?.absenceReason}
          rows={rowsLink(metric, rowsTokens[metric])}
        />
      ))}
    </>
  );
}

function Courses({ answer }: { answer: GetApiUsageResponse }): JSX.Element {
  const { series, context } = answer;
  const buckets = series.map((point, i) => pointBucket(point, context?.stillRunning === true, i === series.length - 1));
  const of = (take: (one: ApiFigures) => bigint | number | undefined): (number | null)[] =>
    series.map(({ figures }) => (figures === undefined ? null : (num(take(figures)) ?? null)));
  const failed = of((one) => one.apiErrors);
  const refused = of((one) => one.apiClientErrors);
  const good = of((one) => one.apiCalls).map((all, i) =>
    all === null ? null : all - (failed[i] ?? 0) - (refused[i] ?? 0),
  );
  return (
    <>
      <Tile title={t.api.course} hint={caption(answer.granularity)} width={6}>
        <Chart
          name={t.api.course}
          kind="bars"
          buckets={buckets}
          unit="1"
          zone={zone.value}
          height={190}
          onOpen={openBucket}
          onSelect={selectBuckets}
          series={[
            { key: "good", label: t.api.ok, color: 1, values: good },
            { key: "refused", label: t.api.clientErrors, color: 2, values: refused },
            { key: "failed", label: t.api.errors, color: 4, values: failed },
          ]}
        />
      </Tile>
      <Tile title={t.api.latency} hint={t.overview.within} width={6}>
        <Chart
          name={t.api.latency}
          buckets={buckets}
          unit="ms"
          zone={zone.value}
          height={190}
          onOpen={openBucket}
          onSelect={selectBuckets}
          series={[
            { key: "p50", label: t.api.median, color: 1, values: of((one) => one.p50ApiLatencyMs) },
            { key: "p95", label: t.api.p95, color: 2, values: of((one) => one.p95ApiLatencyMs) },
            { key: "p99", label: t.api.p99, color: 4, values: of((one) => one.p99ApiLatencyMs) },
          ]}
        />
      </Tile>
    </>
  );
}

/** Short tables beside that of all endpoints. */
function Ranks({ answer }: { answer: GetApiUsageResponse }): JSX.Element {
  const endpoint = t.dimensions["endpoint"] ?? "";
  const tables = [
    [answer.slowestEndpoints, t.api.slowest, endpoint, "-p95", ["calls", "p50", "p95"]],
    [answer.failingEndpoints, t.api.failing, endpoint, "-errors", ["calls", "errors", "rate"]],
    [answer.byMethod, t.api.methods, t.dimensions["method"] ?? "", "-calls", ["calls", "rate", "p95"]],
    [answer.byStatusClass, t.api.statuses, t.dimensions["status_class"] ?? "", "-calls", ["calls", "p95", "bytes"]],
  ] as const;
  return (
    <>
      {tables.map(([breakdown, title, head, sort, keep]) => (
        <Breakdown key={title} breakdown={breakdown} title={title} head={head} width={6} sort={sort} keep={keep} />
      ))}
    </>
  );
}

/** The page. */
export default function Api(): JSX.Element {
  const asked = useQuestion(MetricsService.method.getApiUsage, {
    timeRange: timeRange.value,
    filter: filterAsked.value,
    comparison: comparisonAsked.value,
    top: 50,
    includeRowsTokens: true,
  });
  const endpoint = t.dimensions["endpoint"] ?? "";
  return (
    <Page title={t.pages.api} context={asked.data?.context} compared={asked.data?.compared}>
      <Whole asked={asked} title={t.pages.api} height={1200}>
        {(answer) => (
          <>
            <Cards answer={answer} />
            <Courses answer={answer} />
            <Breakdown
              breakdown={answer.byEndpoint}
              head={endpoint}
              title={t.api.endpoints}
              width={12}
              sort="-calls"
              keep={ALL}
            />
            <Ranks answer={answer} />
          </>
        )}
      </Whole>
    </Page>
  );
}
