/** What changed most, by agent and channel. */
import type { JSX } from "preact";
import { MetricsService } from "@contract/metrics_service_pb.js";
import type { QueryMetricsResponse } from "@contract/metrics_service_pb.js";
import { useQuestion } from "../api/question";
import { Change } from "../components/Card";
import { Answered, Empty, Tile } from "../components/basics";
import { cell } from "../contract";
import { figure } from "../format";
import { comparisonAsked, filterAsked, timeRange } from "../state/period";
import { t } from "../text";
import { ValueLink } from "./common";

interface Moved {
  id: string;
  name: string;
  now: number;
  before: number;
}

/** Returns the rows that changed by most, in conversations; none without an earlier figure. */
export function mostChanged(answer: QueryMetricsResponse): Moved[] {
  return answer.rows
    .flatMap((row) => {
      const now = cell(row.figures[0]);
      const before = cell(row.earlierFigures[0]);
      const id = row.values[0] ?? "";
      return now === undefined || before === undefined || now === before
        ? []
        : [{ id, name: row.displayName || id, now, before }];
    })
    .sort((a, b) => Math.abs(b.now - b.before) - Math.abs(a.now - a.before))
    .slice(0, 5);
}

function List({ dimension }: { dimension: "agent" | "channel" }): JSX.Element {
  const asked = useQuestion(MetricsService.method.queryMetrics, {
    timeRange: timeRange.value,
    filter: filterAsked.value,
    comparison: comparisonAsked.value,
    groupBy: [dimension],
    metrics: ["total_conversations"],
    pageSize: 200,
  });
  return (
    <Answered asked={asked} height={90}>
      {(answer) => {
        const rows = mostChanged(answer);
        return rows.length === 0 ? (
          <Empty text={t.table.empty} />
        ) : (
          <table class="table">
            <caption class="hidden">{t.dimensions[dimension]}</caption>
            <tbody>
              {rows.map((row) => (
                <tr key={row.id}>
                  <th scope="row">
                    <ValueLink dimension={dimension} id={row.id} name={row.name} />
                  </th>
                  <td class="number">
                    {figure(row.before, "1")} → {figure(row.now, "1")}
                  </td>
                  <td class="number">
                    {row.before === 0 ? (
                      <span class="muted">{t.card.noneBefore}</span>
                    ) : (
                      <Change metric="total_conversations" now={row.now} before={row.before} />
                    )}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        );
      }}
    </Answered>
  );
}

/** The tile. */
export function WhatChanged(): JSX.Element {
  return (
    <Tile title={t.overview.changes} hint={t.overview.changesHint} width={6}>
      <List dimension="agent" />
      <List dimension="channel" />
    </Tile>
  );
}
