/** Spans of the form of a rule, in minutes: those that it offers, their names, and how the contract has them. It is pure. */
import type { Duration } from "@bufbuild/protobuf/wkt";
import { count } from "../format";
import { t } from "../text";

export const WINDOWS: readonly number[] = [1, 5, 10, 15, 30, 60, 180, 360, 720, 1440, 10_080];
export const HOLDS: readonly number[] = [0, 1, 5, 10, 15, 30, 60, 180, 720, 1440];
export const AHEAD: readonly number[] = [60, 360, 1440, 4320, 10_080, 43_200];
export const CLOSES: readonly number[] = [0, 15, 30, 60, 180, 720, 1440, 10_080];
export const REMINDERS: readonly number[] = [0, 15, 30, 60, 240, 720, 1440];
/** For how long the service waits for late events where a rule does not say it. */
export const DELAY = 10 / 60;
export const DELAYS: readonly number[] = [0, DELAY, 0.5, 1, 5, 15, 60];
export const MUTES: readonly number[] = [30, 60, 120, 240, 480, 720, 1440, 2880];

/** Returns so many minutes as the contract has them. */
export function minutes(n: number): Duration {
  return { $typeName: "google.protobuf.Duration", seconds: BigInt(Math.round(n * 60)), nanos: 0 };
}

/** Returns a span in minutes. */
export function inMinutes(duration: Duration | undefined, unset = 0): number {
  return duration === undefined ? unset : Number(duration.seconds) / 60 + duration.nanos / 60e9;
}

/** Returns a span of the form: as it was stored where it has not changed, and nothing where it is what unset stands for. */
export function span(n: number, kept: Duration | undefined, unset: number): Duration | undefined {
  if (n === inMinutes(kept, unset)) return kept;
  return n === unset ? undefined : minutes(n);
}

/** Returns the name of a span in the largest unit of which it is a whole number. */
export function spanName(n: number): string {
  const seconds = n * 60;
  const { s, min, h, d } = t.alerts.units;
  const units: readonly (readonly [number, string])[] = [
    [86_400, d],
    [3_600, h],
    [60, min],
  ];
  const [length, unit] = units.find(([one]) => seconds % one === 0) ?? [1, s];
  return `${count(seconds / length)} ${unit}`;
}

/** Returns the choices of a span: those that are offered, and the one that a rule has. none is the name of 0. */
export function spanChoices(
  among: readonly number[],
  value: number,
  none: string = t.alerts.atOnce,
): (readonly [string, string])[] {
  const all = among.includes(value) ? among : [...among, value].sort((a, b) => a - b);
  return all.map((n) => [String(n), n === 0 ? none : spanName(n)] as const);
}
