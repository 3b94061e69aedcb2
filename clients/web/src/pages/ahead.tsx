/** What is expected beyond the figures of a page, and how wrong that has been. */
import type { JSX } from "preact";
import { ForecastService, LimitOutcome } from "@contract/forecast_service_pb.js";
import type { GetForecastResponse, LimitForecast } from "@contract/forecast_service_pb.js";
import type { GetUsageTrendsResponse } from "@contract/metrics_service_pb.js";
import { Granularity } from "@contract/time_pb.js";
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { AnswerContext, FilterSchema } from "@contract/answer_pb.js";
import { newestContext, useQuestion } from "../api/question";
import type { Bucket, Expected } from "../charts/prepare";
import { bucket, ms } from "../contract";
import { day, percent } from "../format";
import { now, zone } from "../state/period";
import { dayOf } from "../state/zone";
import { t } from "../text";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/**
 * How many points are shown ahead, and how long ago the first event is at least: the error of a forecast needs a history,
 * and a page asks nothing that is sure to be refused. Others have no forecast.
 */
const WIDTHS: Readonly<Record<number, { horizon: number; history: number }>> = {
  [Granularity.HOUR]: { horizon: 24, history: 122 * HOUR },
  [Granularity.DAY]: { horizon: 14, history: 52 * DAY },
  [Granularity.WEEK]: { horizon: 4, history: 20 * 7 * DAY },
  [Granularity.MONTH]: { horizon: 3, history: 18 * 31 * DAY },
};

/** False once the service has said that it computes no forecasts. */
let isInstalled = true;

/** Tells whether the service may know a forecast: an organization has had events for as long as that needs. */
function hasHistory(context: AnswerContext | undefined, granularity: Granularity): boolean {
  const first = context?.firstEventAt;
  const width = WIDTHS[granularity];
  return isInstalled && first !== undefined && width !== undefined && now() - ms(first) >= width.history;
}

/** The buckets of a chart with those ahead, what is expected in each, and a line about the error. */
export interface Ahead {
  buckets: Bucket[];
  expected: (Expected | null)[];
  caption: string;
}

/** Joins a series that still runs with its forecast. The running bucket has both: what it has, and what it will come to. */
export function joined(buckets: readonly Bucket[], forecast: GetForecastResponse): Ahead | undefined {
  const points = forecast.points.map((one) => ({ at: one.bucket === undefined ? undefined : bucket(one.bucket), one }));
  const last = buckets.at(-1);
  if (last?.partial !== "running" || points[0]?.at?.start !== last.start) return undefined;
  const expected: (Expected | null)[] = buckets.slice(0, -1).map(() => null);
  for (const { one } of points) {
    const { expected: value } = one;
    expected.push(value === undefined ? null : { point: value.point, low: value.low80, high: value.high80 });
  }
  const { error } = forecast;
  const held = error?.coverage80 === undefined ? "" : percent(error.coverage80);
  const isScaled = error?.mase !== undefined && error.naiveMase !== undefined && error.naiveMase > 0;
  return {
    buckets: [...buckets, ...points.slice(1).flatMap(({ at }) => (at === undefined ? [] : [at]))],
    expected,
    caption: held !== "" && isScaled ? t.chart.ahead(held, percent((error.mase ?? 0) / (error.naiveMase ?? 1))) : "",
  };
}

/** Asks for what is expected beyond a series of a part, if its period still runs. Undefined: nothing is, or not yet. */
export function useAhead(
  metric: string,
  trends: GetUsageTrendsResponse | undefined,
  filter?: MessageInitShape<typeof FilterSchema>,
): Ahead | undefined {
  const granularity = trends?.granularity ?? Granularity.UNSPECIFIED;
  const runs = trends?.context?.stillRunning === true && hasHistory(trends.context, granularity);
  const asked = useQuestion(
    ForecastService.method.getForecast,
    runs
      ? { metric, filter, granularity, horizon: WIDTHS[granularity]?.horizon ?? 0, timeRange: { timeZone: zone.value } }
      : undefined,
    true,
  );
  if (asked.error?.reason === "FORECAST_NOT_INSTALLED") isInstalled = false;
  if (!runs || asked.stale || asked.data === undefined) return undefined;
  return joined(trends.buckets.map(bucket), asked.data);
}

/** When the quota of the month is used up, as events are expected. Nothing where that cannot be said. */
export function QuotaAhead({ limit }: { limit: bigint }): JSX.Element | null {
  const asked = useQuestion(
    ForecastService.method.getForecast,
    hasHistory(newestContext.value, Granularity.DAY)
      ? { metric: "events", granularity: Granularity.DAY, limit: Number(limit), timeRange: { timeZone: "UTC" } }
      : undefined,
    true,
  );
  const found = asked.data?.limit;
  return found === undefined ? null : <p class="small">{limitText(found)}</p>;
}

function limitText({ outcome, expected, earliest }: LimitForecast): string {
  const name = (start: Parameters<typeof ms>[0]): string => day(dayOf(ms(start), "UTC"));
  if (outcome === LimitOutcome.EXPECTED)
    return t.usage.reached(name(expected?.start), name((earliest ?? expected)?.start));
  if (outcome === LimitOutcome.POSSIBLE) return t.usage.mayReach(name(earliest?.start));
  return outcome === LimitOutcome.NOT_EXPECTED ? t.usage.notReached : "";
}
