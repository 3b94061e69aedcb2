/** One row per agent, and up to six of them side by side. */
import type { JSX } from "preact";
import { AgentKind } from "@contract/event_pb.js";
import { DirectoryService } from "@contract/directory_service_pb.js";
import { MetricsService } from "@contract/metrics_service_pb.js";
import type { MetricRow, QueryMetricsResponse } from "@contract/metrics_service_pb.js";
import { useState } from "preact/hooks";
import { useQuestion } from "../api/question";
import { Chart } from "../charts/Chart";
import { Page } from "../components/Page";
import { Answered, Kept, Tile } from "../components/basics";
import { Select } from "../components/Select";
import { Table } from "../components/Table";
import type { Column } from "../components/Table";
import { bucket, cell, metricInfo, value } from "../contract";
import { figure } from "../format";
import { comparison, param, setParams } from "../state/address";
import { comparisonAsked, filterAsked, timeRange, zone } from "../state/period";
import { t } from "../text";
import { TileMaker } from "./TileMaker";
import { tableTile } from "./tilesOfPages";
import { ByDimension } from "./ByDimension";
import { ValueLink, caption, changeColumn, dimensionRows, metricColumns, openBucket, sparkColumn } from "./common";
import type { DimensionRow } from "./common";

const METRICS = [
  "total_conversations",
  "total_messages",
  "unique_users",
  "resolution_rate",
  "escalation_rate",
  "abandonment_rate",
  "p50_response_time_ms",
  "p95_response_time_ms",
  "satisfaction_score",
  "error_rate",
  "fallback_rate",
  "knowledge_hit_rate",
  "token_usage",
  "cost_micros",
  "cost_per_conversation_micros",
];
const EXTRA = [
  "unique_users",
  "abandonment_rate",
  "error_rate",
  "fallback_rate",
  "knowledge_hit_rate",
  "token_usage",
  "cost_per_conversation_micros",
];
/** Figures whose parts add up, for the chart by agent. */
const ADDITIVE = ["total_conversations", "total_messages", "token_usage", "cost_micros"];
const MOST = 6;
const PAGE = 50;
const OVERLAY = [
  "total_conversations",
  "total_messages",
  "resolution_rate",
  "p50_response_time_ms",
  "satisfaction_score",
  "cost_micros",
];

function chosenAgents(): string[] {
  return param("compare")
    .split(",")
    .filter((one) => one !== "")
    .map(decodeURIComponent);
}

function toggle(id: string): void {
  const now = chosenAgents();
  const next = now.includes(id) ? now.filter((one) => one !== id) : [...now, id].slice(-MOST);
  setParams({ compare: next.map(encodeURIComponent).join(",") }, { replace: true });
}

function Tick({ row }: { row: DimensionRow }): JSX.Element {
  const chosen = chosenAgents();
  return (
    <input
      type="checkbox"
      aria-label={t.agents.tick(row.name)}
      checked={chosen.includes(row.id)}
      disabled={!chosen.includes(row.id) && chosen.length >= MOST}
      onChange={() => {
        toggle(row.id);
      }}
    />
  );
}

/** Returns the colour of an agent: its rank in the table, not in the chart. */
function colorOf(answer: QueryMetricsResponse, id: string): number {
  return (
    (Math.max(
      0,
      answer.rows.findIndex((row) => row.values[0] === id),
    ) %
      6) +
    1
  );
}

/** The chosen agents with colours of their own: by their rank, or the next colour that is free. */
function colored(answer: QueryMetricsResponse): { row: MetricRow; color: number; label: string }[] {
  const taken = new Set<number>();
  return answer.rows
    .filter((row) => chosenAgents().includes(row.values[0] ?? ""))
    .map((row) => {
      let color = colorOf(answer, row.values[0] ?? "");
      while (taken.has(color)) color = (color % 6) + 1;
      taken.add(color);
      return { row, color, label: row.displayName || (row.values[0] ?? "") };
    });
}

function FiguresOf({
  answer,
  chosen,
}: {
  answer: QueryMetricsResponse;
  chosen: ReturnType<typeof colored>;
}): JSX.Element {
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={t.agents.overlay}>
      <table class="table">
        <thead>
          <tr>
            <th scope="col">{t.chart.focus}</th>
            {chosen.map(({ row, color, label }) => (
              <th key={row.values[0]} scope="col" class="number">
                <i class={`key c${String(color)}`} /> {label}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {METRICS.map((name) => {
            const at = answer.metrics.findIndex((one) => one.metric === name);
            return (
              <tr key={name}>
                <th scope="row">{metricInfo(name).title}</th>
                {chosen.map(({ row }) => (
                  <td key={row.values[0]} class="number">
                    {figure(cell(row.figures[at]), metricInfo(name).unit)}
                  </td>
                ))}
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}

function SideBySide({ answer }: { answer: QueryMetricsResponse }): JSX.Element | null {
  const [metric, setMetric] = useState("total_conversations");
  const chosen = colored(answer);
  if (chosen.length < 2) return null;
  const index = answer.metrics.findIndex((one) => one.metric === metric);
  const { title, unit } = metricInfo(metric);
  return (
    <Tile
      title={t.agents.overlay}
      hint={`${title}, ${caption(answer.granularity)}`}
      tools={
        <>
          <Select
            label={t.chart.focus}
            value={metric}
            options={OVERLAY.map((name) => [name, metricInfo(name).title])}
            choose={setMetric}
          />
          <button
            type="button"
            class="link"
            onClick={() => {
              setParams({ compare: undefined }, { replace: true });
            }}
          >
            {t.agents.clear}
          </button>
        </>
      }
    >
      <Chart
        name={`${t.agents.overlay}: ${title}`}
        buckets={answer.buckets.map(bucket)}
        series={chosen.map(({ row, color, label }) => ({
          key: row.values[0] ?? "",
          label,
          color,
          values: (row.series[index]?.values ?? []).map(value),
        }))}
        unit={unit}
        zone={zone.value}
        onOpen={openBucket}
      />
      <FiguresOf answer={answer} chosen={chosen} />
    </Tile>
  );
}

/** People and bots are told apart where somebody has told it; the others count as neither. */
function useKinds(): Map<string, AgentKind> {
  const asked = useQuestion(DirectoryService.method.listAgents, { pageSize: 1000 });
  return new Map((asked.data?.agents ?? []).map(({ agentId, kind }) => [agentId, kind]));
}

function KindTabs({ kinds }: { kinds: ReadonlyMap<string, AgentKind> }): JSX.Element | null {
  if (![...kinds.values()].some((kind) => kind !== AgentKind.UNSPECIFIED)) return null;
  const chosen = param("kind");
  return (
    <span class="tabs" role="group" aria-label={t.agents.kind}>
      {(
        [
          ["", t.agents.kinds.all],
          ["ai", t.agents.kinds.ai],
          ["human", t.agents.kinds.human],
        ] as const
      ).map(([name, label]) => (
        <button
          key={name}
          type="button"
          aria-pressed={chosen === name}
          onClick={() => {
            setParams({ kind: name }, { replace: true });
          }}
        >
          {label}
        </button>
      ))}
    </span>
  );
}

function columns(answer: QueryMetricsResponse): Column<DimensionRow>[] {
  return [
    {
      key: "agent",
      title: t.dimensions["agent"] ?? "",
      value: (row) => row.name,
      show: (row) => (
        <>
          {!row.isOther && <Tick row={row} />}{" "}
          <ValueLink dimension="agent" id={row.id} name={row.isOther ? t.table.other : row.name} />
        </>
      ),
    },
    ...metricColumns(answer, METRICS, EXTRA),
    ...(comparison.value === "none" ? [] : [changeColumn(answer, "total_conversations")]),
    sparkColumn(answer, "total_conversations"),
  ];
}

/** The page. */
export default function Agents(): JSX.Element {
  const [size, setSize] = useState(PAGE);
  const kinds = useKinds();
  const request = {
    timeRange: timeRange.value,
    filter: filterAsked.value,
    comparison: comparisonAsked.value,
    groupBy: ["agent"],
    metrics: METRICS,
    pageSize: size,
  };
  const asked = useQuestion(MetricsService.method.queryMetrics, { ...request, series: {}, includeRowsTokens: true });
  const kind = param("kind") === "ai" ? AgentKind.AI : param("kind") === "human" ? AgentKind.HUMAN : undefined;
  return (
    <Page title={t.pages.agents} context={asked.data?.context} compared={asked.data?.compared}>
      <Kept asked={asked}>{asked.data !== undefined && <SideBySide answer={asked.data} />}</Kept>
      <ByDimension dimension="agent" title={t.usage.byAgent} metrics={ADDITIVE} />
      <Tile
        title={t.agents.comparison}
        hint={t.agents.compareHint}
        tools={
          <>
            <KindTabs kinds={kinds} />
            <TileMaker id="agents" tile={tableTile("agent", METRICS.slice(0, 8), filterAsked.value)} />
          </>
        }
      >
        <Answered asked={asked} height={500}>
          {(answer) => {
            const { rows, other } = dimensionRows(answer);
            const kept = kind === undefined ? rows : rows.filter((row) => kinds.get(row.id) === kind);
            return (
              <Table
                name={t.pages.agents}
                whole={{ of: "question", question: { case: "query", value: request } }}
                rows={kept}
                other={kind === undefined ? other : undefined}
                all={kind === undefined ? Number(answer.distinctValues) : kept.length}
                more={
                  answer.nextPageToken === ""
                    ? undefined
                    : () => {
                        setSize(size + PAGE);
                      }
                }
                id={(row) => row.id}
                sort="-total_conversations"
                inAddress="sort"
                columns={columns(answer)}
              />
            );
          }}
        </Answered>
      </Tile>
    </Page>
  );
}
