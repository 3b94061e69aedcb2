/** What changed most in a figure, by agent, channel and topic: contributions that add up to the change. */
import type { JSX } from "preact";
import { AnomalyService } from "@contract/anomaly_service_pb.js";
import type { ChangeAccount, Contribution } from "@contract/anomaly_service_pb.js";
import { AbsenceReason } from "@contract/answer_pb.js";
import { useQuestion } from "../api/question";
import { Answered, Tile } from "../components/basics";
import { cell, metricInfo } from "../contract";
import { figure, isBetter, signed } from "../format";
import { filter } from "../state/address";
import { comparisonAsked, filterAsked, timeRange } from "../state/period";
import { t } from "../text";
import { ValueLink } from "./common";
import { MovedMost } from "./MovedMost";

const DIMENSIONS = ["agent", "channel", "topic"] as const;
type DimensionName = (typeof DIMENSIONS)[number];

export interface Part {
  id: string;
  kind: "value" | "rest" | "other";
  name: string;
  now: number | undefined;
  before: number | undefined;
  change: number;
  /** What a ratio's contribution is made of. */
  effects?: readonly [mix: number, rate: number];
}

function part(kind: Part["kind"], one: Contribution): Part {
  return {
    id: kind === "value" ? one.value : kind,
    kind,
    name: one.displayName || one.value,
    now: cell(one.now),
    before: cell(one.before),
    change: cell(one.change) ?? 0,
    ...(one.mix === undefined || one.rate === undefined ? {} : { effects: [one.mix, one.rate] as const }),
  };
}

/** Returns the parts of an account: rows, then the rest and what has no figures of its own, if they contributed. */
export function partsOf(account: ChangeAccount): Part[] {
  const apart = [
    ...(account.rest === undefined ? [] : [part("rest", account.rest)]),
    ...(account.other === undefined ? [] : [part("other", account.other)]),
  ];
  return [...account.rows.map((one) => part("value", one)), ...apart.filter((one) => one.change !== 0)];
}

function Name({ one, dimension }: { one: Part; dimension: DimensionName }): JSX.Element {
  if (one.kind === "rest") return <span class="muted">{t.overview.rest}</span>;
  if (one.kind === "other") return <span class="muted">{t.table.other}</span>;
  return <ValueLink dimension={dimension} id={one.id} name={one.name} />;
}

function Signed({ by, metric }: { by: number; metric: string }): JSX.Element {
  const { unit, better } = metricInfo(metric);
  const good = isBetter(by > 0 ? 1 : by < 0 ? -1 : 0, better);
  return (
    <span class={`change ${good === undefined ? "" : good ? "good" : "bad"}`}>
      {signed(by, unit)}
      {good !== undefined && <span class="hidden"> {good ? t.card.better : t.card.worse}</span>}
    </span>
  );
}

function Account({
  account,
  dimension,
  metric,
  change,
}: {
  account: ChangeAccount;
  dimension: DimensionName;
  metric: string;
  change: number;
}): JSX.Element {
  const { unit } = metricInfo(metric);
  const name = t.dimensions[dimension] ?? dimension;
  const parts = partsOf(account);
  const most = Math.max(...parts.map((one) => Math.abs(one.change)));
  if (account.absenceReason !== AbsenceReason.UNSPECIFIED) return <p class="muted small">{t.absent.notKept}</p>;
  if (parts.length === 0) return <p class="muted small">{t.overview.unchanged}</p>;
  return (
    <table class="table">
      <caption class="hidden">{name}</caption>
      <tbody>
        {parts.map((one) => (
          <tr key={one.id}>
            <th scope="row">
              <Name one={one} dimension={dimension} />
              {one.effects !== undefined && (
                <span class="muted small remark">
                  {t.overview.mixAndRate(signed(one.effects[0], unit), signed(one.effects[1], unit))}
                </span>
              )}
            </th>
            <td class="both-ways" aria-hidden="true">
              <span
                class={`bar-mark ${one.change > 0 ? "up" : "down"}`}
                style={{ width: `${String((Math.abs(one.change) / (most || 1)) * 50)}%` }}
              />
            </td>
            <td
              class="number"
              title={one.kind === "value" ? `${figure(one.before, unit)} → ${figure(one.now, unit)}` : undefined}
            >
              <Signed by={one.change} metric={metric} />
            </td>
          </tr>
        ))}
        <tr>
          <th scope="row">{t.overview.whole}</th>
          <td />
          <td class="number">
            <b>{signed(change, unit)}</b>
          </td>
        </tr>
      </tbody>
    </table>
  );
}

function Column({ dimension, metric }: { dimension: DimensionName; metric: string }): JSX.Element {
  // One call for all columns. Beside a filter one of them may be refused, and the others not.
  const asked = useQuestion(AnomalyService.method.listChanges, {
    timeRange: timeRange.value,
    filter: filterAsked.value,
    comparison: comparisonAsked.value,
    metrics: [metric],
    groupBy: filter.value === undefined ? [...DIMENSIONS] : [dimension],
  });
  return (
    <div class="column">
      <h3>{t.dimensions[dimension] ?? dimension}</h3>
      {asked.error?.reason === "PAIR_NOT_KEPT" ? (
        <p class="muted small">{t.absent.notKept}</p>
      ) : (
        <Answered asked={asked} height={90}>
          {({ metrics }) => {
            const account = metrics[0]?.accounts.find((one) => one.dimension === dimension);
            return account === undefined ? (
              <p class="muted small">{t.card.noneBefore}</p>
            ) : (
              <Account account={account} dimension={dimension} metric={metric} change={cell(metrics[0]?.change) ?? 0} />
            );
          }}
        </Answered>
      )}
    </div>
  );
}

/** Metrics that are no sums over values have no contributions. */
const NO_SUMS = /^(p\d+_|unique_|active_)/;

/** Tells whether a change of a metric is a sum over values. */
export function hasContributions(metric: string): boolean {
  return !NO_SUMS.test(metric);
}

/** The tile. */
export function WhatChanged({ metric }: { metric: string }): JSX.Element {
  const isSum = hasContributions(metric);
  return (
    <Tile
      title={`${t.overview.changes}: ${metricInfo(metric).title}`}
      hint={isSum ? t.overview.changesHint : t.overview.noSums}
      name="changes"
    >
      <div class="columns">
        {DIMENSIONS.map((dimension) =>
          isSum ? (
            <Column key={dimension} dimension={dimension} metric={metric} />
          ) : (
            <div key={dimension} class="column">
              <h3>{t.dimensions[dimension] ?? dimension}</h3>
              <MovedMost dimension={dimension} metric={metric} />
            </div>
          ),
        )}
      </div>
    </Tile>
  );
}
