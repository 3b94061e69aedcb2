/** Names of buckets, on the wall of a zone. */
import { instant } from "../format";
import { offset } from "../state/zone";
import type { Bucket } from "./prepare";

const HOUR = 3_600_000;

/** Tells whether an hour is shown twice on that day, so that its name needs the offset. */
function occursTwice(bucket: Bucket, zone: string): boolean {
  return [-HOUR, HOUR].some((by) => {
    const other = bucket.start + by;
    return (
      offset(other, zone) !== offset(bucket.start, zone) &&
      other + offset(other, zone) === bucket.start + offset(bucket.start, zone)
    );
  });
}

/** Returns the whole name of a bucket, as "Sat, 24 Oct 2026" or "Sat 24 Oct, 14:00". */
export function bucketName(bucket: Bucket, zone: string): string {
  const length = bucket.end - bucket.start;
  if (length <= HOUR) {
    return instant(bucket.start, zone, {
      weekday: "short",
      day: "numeric",
      month: "short",
      hour: "numeric",
      minute: "2-digit",
      ...(occursTwice(bucket, zone) ? { timeZoneName: "shortOffset" } : {}),
    });
  }
  if (length < 27 * HOUR)
    return instant(bucket.start, zone, { weekday: "short", day: "numeric", month: "short", year: "numeric" });
  if (length > 300 * 24 * HOUR) return instant(bucket.start, zone, { year: "numeric" });
  if (length > 27 * 24 * HOUR && length < 32 * 24 * HOUR)
    return instant(bucket.start, zone, { month: "long", year: "numeric" });
  const last = bucket.end - 1;
  return `${instant(bucket.start, zone, { day: "numeric", month: "short" })} – ${instant(last, zone, { day: "numeric", month: "short", year: "numeric" })}`;
}

/** Returns the short name that stands below an axis. */
export function bucketTick(bucket: Bucket | undefined, zone: string, all: readonly Bucket[]): string {
  if (bucket === undefined) return "";
  const length = bucket.end - bucket.start;
  const span = (all.at(-1)?.end ?? 0) - (all[0]?.start ?? 0);
  if (length <= HOUR) {
    const midnight = (bucket.start + offset(bucket.start, zone)) % (24 * HOUR) === 0;
    if (span > 25 * HOUR && midnight) return instant(bucket.start, zone, { day: "numeric", month: "short" });
    return instant(bucket.start, zone, { hour: "2-digit", minute: "2-digit" });
  }
  if (length > 300 * 24 * HOUR) return instant(bucket.start, zone, { year: "numeric" });
  if (length > 27 * 24 * HOUR && length < 32 * 24 * HOUR)
    return instant(
      bucket.start,
      zone,
      span > 370 * 24 * HOUR ? { month: "short", year: "2-digit" } : { month: "short" },
    );
  return instant(bucket.start, zone, { day: "numeric", month: "short" });
}
