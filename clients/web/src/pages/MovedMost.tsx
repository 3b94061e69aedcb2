/** Which values moved most in a figure that is no sum over them: a percentile, or a distinct count. */
import type { JSX } from "preact";
import { MetricsService } from "@contract/metrics_service_pb.js";
import type { QueryMetricsResponse } from "@contract/metrics_service_pb.js";
import { useQuestion } from "../api/question";
import { Change } from "../components/Card";
import { Answered } from "../components/basics";
import { cell, metricInfo } from "../contract";
import { figure } from "../format";
import { comparisonAsked, filterAsked, timeRange } from "../state/period";
import { t } from "../text";
import { ValueLink } from "./common";

const MOST = 5;
const VOLUME = "total_conversations";

interface Moved {
  id: string;
  name: string;
  now: number;
  before: number;
}

/** Returns the rows that moved the figure most: by how much they changed, rates by how many conversations they are of. */
export function mostChanged(answer: QueryMetricsResponse, isShare: boolean): Moved[] {
  const weighed = answer.rows.flatMap((row) => {
    const now = cell(row.figures[0]);
    const before = cell(row.earlierFigures[0]);
    const id = row.values[0] ?? "";
    if (now === undefined || before === undefined || now === before) return [];
    const weight = isShare ? (cell(row.figures.at(-1)) ?? 0) : 1;
    return [{ id, name: row.displayName || id, now, before, by: Math.abs(now - before) * weight }];
  });
  return weighed.sort((a, b) => b.by - a.by).slice(0, MOST);
}

/** The values of a dimension that moved most. */
export function MovedMost({
  dimension,
  metric,
}: {
  dimension: "agent" | "channel" | "topic";
  metric: string;
}): JSX.Element {
  const { unit, additive } = metricInfo(metric);
  const asked = useQuestion(MetricsService.method.queryMetrics, {
    timeRange: timeRange.value,
    filter: filterAsked.value,
    comparison: comparisonAsked.value,
    groupBy: [dimension],
    metrics: [metric, VOLUME],
    orderBy: VOLUME,
    pageSize: 200,
  });
  const name = t.dimensions[dimension] ?? dimension;
  return (
    <>
      {asked.error?.reason === "PAIR_NOT_KEPT" ? (
        <p class="muted small">{t.absent.notKept}</p>
      ) : (
        <Answered asked={asked} height={90}>
          {(answer) => {
            const rows = mostChanged(answer, !additive);
            return rows.length === 0 ? (
              <p class="muted small">{t.overview.unchanged}</p>
            ) : (
              <table class="table">
                <caption class="hidden">{name}</caption>
                <tbody>
                  {rows.map((row) => (
                    <tr key={row.id}>
                      <th scope="row">
                        <ValueLink dimension={dimension} id={row.id} name={row.name} />
                      </th>
                      <td class="number">
                        <span class="muted">{figure(row.before, unit, true)} →</span> {figure(row.now, unit, true)}
                      </td>
                      <td class="number">
                        {row.before === 0 && unit !== "fraction" ? (
                          <span class="muted">{t.card.noneBefore}</span>
                        ) : (
                          <Change metric={metric} now={row.now} before={row.before} />
                        )}
                      </td>
                    </tr>
                  ))}
                </tbody>
              </table>
            );
          }}
        </Answered>
      )}
    </>
  );
}
