/** What is unusual in a course, as remarks about its points. */
import { AnomalyMethod, AnomalySeason } from "@contract/anomaly_service_pb.js";
import type { Anomaly, AnomalyBasis } from "@contract/anomaly_service_pb.js";
import type { Bucket } from "../charts/prepare";
import { metricInfo, ms } from "../contract";
import { figure } from "../format";
import { locale, t } from "../text";

function placeOf({ season, weekday, hour, buckets }: AnomalyBasis): string {
  const time = hour === undefined ? "" : ` ${String(hour).padStart(2, "0")}:00`;
  switch (season) {
    case AnomalySeason.HOUR_OF_WEEK:
    case AnomalySeason.DAY_OF_WEEK:
      return `${t.unusual.weekdays[weekday - 1] ?? ""}${time}`;
    case AnomalySeason.HOUR_OF_WORKING_DAYS:
      return `${t.unusual.workingDays}${time}`;
    case AnomalySeason.HOUR_OF_WEEKENDS:
      return `${t.unusual.weekends}${time}`;
    default:
      return t.unusual.all(buckets);
  }
}

/** Bounds are between whole figures where figures are whole. */
function rangeOf({ low, high }: Anomaly, unit: string): string {
  const whole = unit === "1" || unit === "tokens" ? Math.round : (value: number) => value;
  const [from, to] = [figure(whole(low), unit, true), figure(whole(high), unit, true)];
  return from === to ? from : `${from}–${to}`;
}

/** Says why a bucket is unusual. */
export function reasonOf(one: Anomaly, unit: string): string {
  const score = new Intl.NumberFormat(locale, { maximumFractionDigits: 1, minimumFractionDigits: 1 }).format(
    Math.abs(one.score),
  );
  const up = one.score > 0;
  const run = one.buckets > 1 ? t.unusual.run(one.buckets) : "";
  if (one.method === AnomalyMethod.EWMA || one.basis === undefined)
    return `${(up ? t.unusual.higher : t.unusual.lower)(score)}${run}`;
  return `${(up ? t.unusual.above : t.unusual.below)(score, rangeOf(one, unit), placeOf(one.basis))}${run}`;
}

/** Returns what is said about the points of a course, by the places of their buckets. */
export function remarksOf(
  anomalies: readonly Anomaly[],
  buckets: readonly Bucket[],
  metric: string,
): ReadonlyMap<number, string> | undefined {
  const places = new Map(buckets.map((one, place) => [one.start, place]));
  const found = new Map<number, string>();
  for (const one of anomalies) {
    const place = places.get(ms(one.peak?.start));
    if (place !== undefined) found.set(place, reasonOf(one, metricInfo(metric).unit));
  }
  return found.size === 0 ? undefined : found;
}
