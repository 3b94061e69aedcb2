/** Tokens, cost, storage, quota, and what AI agents save. */
import type { JSX } from "preact";
import { MetricsService } from "@contract/metrics_service_pb.js";
import type {
  CostBreakdown,
  CostFigures,
  GetCostsResponse,
  GetQuotaResponse,
  GetUsageTrendsResponse,
} from "@contract/metrics_service_pb.js";
import { useQuestion } from "../api/question";
import type { Asked } from "../api/question";
import { Chart } from "../charts/Chart";
import { Card } from "../components/Card";
import { Page } from "../components/Page";
import { Answered, Tile, Whole } from "../components/basics";
import { Table } from "../components/Table";
import type { Column } from "../components/Table";
import { bucket, num, valuesOf } from "../contract";
import { count, day, figure, money, percent } from "../format";
import { comparison, href } from "../state/address";
import { comparisonAsked, timeRange, zone } from "../state/period";
import { may } from "../state/session";
import { dayOf } from "../state/zone";
import { ms } from "../contract";
import { t } from "../text";
import { ByDimension } from "./ByDimension";
import { Roi } from "./Roi";
import { QuotaAhead, useAhead } from "./ahead";
import type { Ahead } from "./ahead";
import { BarList, ValueLink, caption } from "./common";
import { happened } from "./courses";

const SERIES = [
  "cost_micros",
  "token_usage",
  "prompt_tokens",
  "completion_tokens",
  "api_calls",
  "workflow_executions",
  "workflow_failures",
  "cost_per_conversation_micros",
  "cost_per_resolved_conversation_micros",
];

function Cards({
  answer,
  trends,
}: {
  answer: GetCostsResponse;
  trends: GetUsageTrendsResponse | undefined;
}): JSX.Element {
  const { total, earlier, compared } = answer;
  const buckets = (trends?.buckets ?? []).map(bucket);
  const cards = [
    ["cost_micros", total?.costMicros, earlier?.costMicros],
    ["token_usage", total?.tokenUsage, earlier?.tokenUsage],
    ["cost_per_conversation_micros", total?.costPerConversationMicros, earlier?.costPerConversationMicros],
    [
      "cost_per_resolved_conversation_micros",
      total?.costPerResolvedConversationMicros,
      earlier?.costPerResolvedConversationMicros,
    ],
  ] as const;
  return (
    <>
      {cards.map(([metric, now, before]) => {
        const values = valuesOf(trends?.series ?? [], metric);
        return (
          <Card
            key={metric}
            metric={metric}
            unit={metric === "token_usage" ? "1" : "micros"}
            value={num(now)}
            before={num(before)}
            compares={comparison.value !== "none"}
            absence={compared?.absenceReason}
            series={values.length > 0 ? { buckets, values } : undefined}
            rows={metric.includes("_per_") ? undefined : { to: "/rows", changes: { metric } }}
          />
        );
      })}
    </>
  );
}

interface CourseProps {
  asked: Asked<GetUsageTrendsResponse>;
  title: string;
  unit: string;
  kind: "line" | "bars";
  /** Metric, label and colour of each. */
  series: readonly (readonly [string, string, number])[];
  compares?: boolean;
  /** What is expected of the first series. */
  ahead?: Ahead | undefined;
}

function Course({ asked, title, unit, kind, series, compares = false, ahead }: CourseProps): JSX.Element {
  return (
    <Tile
      title={title}
      hint={asked.data === undefined ? "" : caption(asked.data.granularity)}
      tools={
        may("edit") && (
          <a class="small" href={href("/alerts", { about: series[0]?.[0] })}>
            {t.alerts.about}
          </a>
        )
      }
      width={6}
    >
      <Answered asked={asked} height={224}>
        {(answer) => {
          const earlier = compares ? valuesOf(answer.earlierSeries, series[0]?.[0] ?? "") : [];
          return (
            <>
              <Chart
                name={title}
                kind={kind}
                buckets={ahead?.buckets ?? answer.buckets.map(bucket)}
                earlierBuckets={answer.earlierBuckets.map(bucket)}
                series={series.map(([key, label, color]) => ({
                  key,
                  label,
                  color,
                  values: valuesOf(answer.series, key),
                  earlier: earlier.length > 0 ? earlier : undefined,
                  ahead: ahead?.expected,
                }))}
                unit={unit}
                zone={zone.value}
                height={190}
                {...happened(answer)}
              />
              {ahead !== undefined && <p class="small muted">{ahead.caption}</p>}
            </>
          );
        }}
      </Answered>
    </Tile>
  );
}

function Courses({ asked }: { asked: Asked<GetUsageTrendsResponse> }): JSX.Element {
  const cost = useAhead("cost_micros", asked.data);
  return (
    <>
      <Course
        asked={asked}
        title={t.usage.costByDay}
        unit="micros"
        kind="line"
        series={[["cost_micros", t.usage.costByDay, 1]]}
        compares
        ahead={cost}
      />
      <Course
        asked={asked}
        title={t.usage.tokens}
        unit="1"
        kind="bars"
        series={[
          ["prompt_tokens", t.usage.prompt, 1],
          ["completion_tokens", t.usage.completion, 2],
        ]}
      />
      <Course
        asked={asked}
        title={t.usage.workflows}
        unit="1"
        kind="line"
        series={[
          ["api_calls", t.usage.apiCalls, 1],
          ["workflow_executions", t.usage.executions, 2],
          ["workflow_failures", t.usage.failures, 4],
        ]}
      />
    </>
  );
}

interface CostRow {
  id: string;
  name: string;
  figures: CostFigures | undefined;
}

function costColumns({ dimension, other }: CostBreakdown): Column<CostRow>[] {
  const cost = (row: CostRow): bigint | undefined =>
    row.figures?.costMicros ?? (row.id === "_other" ? other?.costMicros : undefined);
  return [
    {
      key: "value",
      title: t.dimensions[dimension] ?? dimension,
      value: (row) => row.name,
      show: (row) => <ValueLink dimension={dimension} id={row.id} name={row.name} />,
    },
    { key: "cost", title: t.usage.costByDay, unit: "micros", bar: true, value: (row) => num(cost(row)) },
    {
      key: "prompt",
      title: t.usage.prompt,
      unit: "1",
      value: (row) => num(row.figures?.promptTokens ?? other?.promptTokens),
    },
    {
      key: "cached",
      title: t.usage.cached,
      unit: "1",
      extra: true,
      value: (row) => num(row.figures?.cachedTokens ?? other?.cachedTokens),
    },
    {
      key: "completion",
      title: t.usage.completion,
      unit: "1",
      value: (row) => num(row.figures?.completionTokens ?? other?.completionTokens),
    },
  ];
}

function Breakdown({ breakdown }: { breakdown: CostBreakdown }): JSX.Element {
  const titles: Readonly<Record<string, string>> = {
    model: t.usage.models,
    agent: t.usage.byAgent,
    channel: t.usage.byChannel,
    team: t.usage.byTeam,
    user: t.usage.users,
  };
  const title = titles[breakdown.dimension] ?? breakdown.dimension;
  const rows: CostRow[] = breakdown.rows.map((row) => ({
    id: row.value,
    name: row.displayName || row.value,
    figures: row.figures,
  }));
  return (
    <Tile title={title} width={6}>
      <Table
        name={title}
        rows={rows}
        other={breakdown.other === undefined ? undefined : { id: "_other", name: t.table.other, figures: undefined }}
        all={Number(breakdown.distinctValues)}
        id={(row) => row.id}
        find={false}
        sort="-cost"
        columns={costColumns(breakdown)}
      />
    </Tile>
  );
}

function Quota(): JSX.Element {
  const asked = useQuestion(MetricsService.method.getQuota, {});
  return (
    <Tile title={t.usage.quota} width={6}>
      <Answered asked={asked} height={140}>
        {(answer) => <QuotaFigures answer={answer} />}
      </Answered>
    </Tile>
  );
}

function QuotaFigures({ answer }: { answer: GetQuotaResponse }): JSX.Element {
  const { quota } = answer;
  if (quota === undefined) return <p class="muted">{t.absent.none}</p>;
  const { used, limit, share, projectedUsed, runsOutOn, resetsAt } = quota;
  return (
    <>
      <p class="figure">{figure(Number(used), "1")}</p>
      <p class="muted">
        {limit === undefined ? t.usage.noLimit : t.usage.quotaOf(count(used), count(limit))}
        {share !== undefined && ` · ${percent(share)}`}
      </p>
      {limit !== undefined && (
        <meter
          class="meter"
          min={0}
          max={Number(limit)}
          value={Number(used)}
          high={Number(limit) * 0.9}
          aria-label={t.usage.quota}
        />
      )}
      {projectedUsed !== undefined && <p class="small">{t.usage.projected(count(projectedUsed))}</p>}
      {limit !== undefined && <QuotaAhead limit={limit} />}
      {runsOutOn !== "" && <p class="small bad">▲ {t.usage.runsOut(day(runsOutOn))}</p>}
      {resetsAt !== undefined && <p class="small muted">{t.usage.resets(day(dayOf(ms(resetsAt), "UTC")))}</p>}
    </>
  );
}

function Estimates({
  costs,
  trends,
}: {
  costs: GetCostsResponse;
  trends: GetUsageTrendsResponse | undefined;
}): JSX.Element {
  const kinds = trends?.storageByKind ?? [];
  return (
    <>
      {costs.estimatedCosts.length > 0 && (
        <Tile title={t.usage.estimates} hint={t.usage.estimatesHint} width={6}>
          <BarList
            rows={costs.estimatedCosts.map((one) => ({
              id: String(one.resource),
              name: t.usage.estimated[one.resource] ?? "",
              amount: Number(one.costMicros),
              text: figure(Number(one.costMicros), "micros"),
            }))}
          />
        </Tile>
      )}
      {kinds.length > 0 && (
        <Tile title={t.usage.storage} hint={t.usage.storageHint} width={costs.estimatedCosts.length > 0 ? 6 : 12}>
          <BarList
            rows={kinds.map((one) => ({
              id: String(one.kind),
              name: t.usage.storageKinds[one.kind] ?? "",
              amount: Number(one.bytes),
              text: figure(Number(one.bytes), "By"),
            }))}
          />
        </Tile>
      )}
    </>
  );
}

/** The page. */
export default function Usage(): JSX.Element {
  const costs = useQuestion(MetricsService.method.getCosts, {
    timeRange: timeRange.value,
    comparison: comparisonAsked.value,
    rows: 10,
  });
  const trends = useQuestion(MetricsService.method.getUsageTrends, {
    timeRange: timeRange.value,
    comparison: comparisonAsked.value,
    metrics: SERIES,
  });
  // Short tables stand beside short ones, so that no tile is half empty.
  const breakdowns = (costs.data?.breakdowns ?? [])
    .filter((one) => one.rows.length > 0)
    .sort((a, b) => a.rows.length - b.rows.length);
  const short = breakdowns.slice(0, 3);
  const long = breakdowns.slice(3);
  if (costs.data?.context?.currency) money.currency = costs.data.context.currency;
  return (
    <Page title={t.pages.usage} context={costs.data?.context} compared={costs.data?.compared} filters={false}>
      <Whole asked={costs} also={trends} title={t.pages.usage} height={400}>
        {(answer) => <Cards answer={answer} trends={trends.data} />}
      </Whole>
      <ByDimension
        dimension="model"
        title={t.usage.byModel}
        metrics={["cost_micros", "token_usage", "prompt_tokens", "completion_tokens"]}
        filters={false}
      />
      <Courses asked={trends} />
      <Quota />
      {short.map((one) => (
        <Breakdown key={one.dimension} breakdown={one} />
      ))}
      <Roi />
      {long.map((one) => (
        <Breakdown key={one.dimension} breakdown={one} />
      ))}
      {costs.data !== undefined && <Estimates costs={costs.data} trends={trends.data} />}
    </Page>
  );
}
