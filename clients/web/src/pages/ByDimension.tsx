/** A figure by the values of a dimension, as a chart: six of them, the greatest or those that were chosen, and the rest. */
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { MetricsService } from "@contract/metrics_service_pb.js";
import type { QueryMetricsResponse } from "@contract/metrics_service_pb.js";
import { useQuestion } from "../api/question";
import { Chart } from "../charts/Chart";
import { MOST, fold } from "../charts/fold";
import type { Course } from "../charts/fold";
import { Answered, Popover, Tile } from "../components/basics";
import { Select } from "../components/Select";
import { bucket, metricInfo, value } from "../contract";
import { count } from "../format";
import { param, setParams } from "../state/address";
import { filterAsked, timeRange, zone } from "../state/period";
import { t } from "../text";
import { caption, openBucket, selectBuckets } from "./common";

const ASKED = 100;

/** Which values were chosen; none: the greatest ones. */
function chosenValues(): string[] {
  return param("top")
    .split(",")
    .filter((one) => one !== "")
    .map(decodeURIComponent);
}

function choose(values: readonly string[]): void {
  setParams({ top: values.map(encodeURIComponent).join(",") }, { replace: true });
}

function coursesOf(answer: QueryMetricsResponse): Course[] {
  return answer.rows.map((row) => ({
    id: row.values[0] ?? "",
    label: row.displayName || (row.values[0] ?? ""),
    values: (row.series[0]?.values ?? []).map(value),
  }));
}

function Choice({ rows, drawn }: { rows: readonly Course[]; drawn: readonly string[] }): JSX.Element {
  const [text, setText] = useState("");
  const wanted = text.trim().toLowerCase();
  const chosen = chosenValues();
  const found = rows.filter(({ id, label }) => `${id} ${label}`.toLowerCase().includes(wanted));
  return (
    <>
      <input
        type="search"
        aria-label={t.table.find(count(rows.length))}
        placeholder={t.table.find(count(rows.length))}
        value={text}
        onInput={(event) => {
          setText(event.currentTarget.value);
        }}
      />
      {found.map(({ id, label }) => (
        <label key={id} class="choice">
          <input
            type="checkbox"
            checked={drawn.includes(id)}
            disabled={!drawn.includes(id) && chosen.length >= MOST}
            onChange={(event) => {
              // The first choice takes the place of the greatest ones.
              const others = (chosen.length > 0 ? chosen : event.currentTarget.checked ? [] : drawn).filter(
                (one) => one !== id,
              );
              choose(event.currentTarget.checked ? [...others, id] : others);
            }}
          />{" "}
          {label}
        </label>
      ))}
      <button
        type="button"
        class="link"
        disabled={chosen.length === 0}
        onClick={() => {
          choose([]);
        }}
      >
        {t.chart.greatest}
      </button>
    </>
  );
}

interface Props {
  dimension: string;
  /** Figures that add up; the first one is shown until another is chosen. */
  metrics: readonly string[];
  title: string;
  /** Whether the page's filter holds here. */
  filters?: boolean;
  width?: 6 | 8 | 12;
}

function MetricChoice({ metrics, metric }: { metrics: readonly string[]; metric: string }): JSX.Element {
  return (
    <Select
      label={t.chart.focus}
      value={metric}
      options={metrics.map((name) => [name, metricInfo(name).title] as const)}
      choose={(next) => {
        setParams({ of: next === metrics[0] ? undefined : next }, { replace: true });
      }}
    />
  );
}

/** The tile. What is chosen is in the address: "of" names the figure, "top" the values. */
export function ByDimension({ dimension, metrics, title, filters = true, width = 12 }: Props): JSX.Element {
  const metric = metrics.includes(param("of")) ? param("of") : (metrics[0] ?? "");
  const info = metricInfo(metric);
  const asked = useQuestion(MetricsService.method.queryMetrics, {
    timeRange: timeRange.value,
    filter: filters ? filterAsked.value : undefined,
    groupBy: [dimension],
    metrics: [metric],
    pageSize: ASKED,
    series: {},
  });
  const rows = asked.data === undefined ? [] : coursesOf(asked.data);
  const all = Number(asked.data?.distinctValues ?? 0n);
  const chosen = chosenValues();
  const total = (asked.data?.total?.series[0]?.values ?? []).map(value);
  const named = Math.min(MOST, chosen.filter((id) => rows.some((row) => row.id === id)).length || MOST, rows.length);
  const others = all > named ? t.chart.othersOf(all - named, count(all - named)) : t.chart.others;
  const { series, drawn } = fold(rows, total, chosen, others);
  const hint = asked.data === undefined ? "" : caption(asked.data.granularity);
  const shown = chosen.length > 0 ? t.chart.shown(drawn, count(all)) : t.chart.top(drawn, count(all));
  return (
    <Tile
      title={title}
      hint={all > drawn ? `${shown} · ${hint}` : hint}
      tools={
        <>
          <MetricChoice metrics={metrics} metric={metric} />
          {rows.length > 1 && (
            <Popover id={`choose-${dimension}`} class="menu choices" buttonClass="link" label={t.chart.choose}>
              <Choice rows={rows} drawn={series.filter((one) => one.color !== 0).map((one) => one.key)} />
            </Popover>
          )}
        </>
      }
      width={width}
      name={`by-${dimension}`}
    >
      <Answered asked={asked} height={252} empty={(answer) => answer.rows.length === 0}>
        {(answer) => (
          <Chart
            name={`${title}: ${info.title}`}
            kind="bars"
            buckets={answer.buckets.map(bucket)}
            series={series}
            unit={info.unit}
            zone={zone.value}
            height={220}
            onOpen={openBucket}
            onSelect={selectBuckets}
          />
        )}
      </Answered>
    </Tile>
  );
}
