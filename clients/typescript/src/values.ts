/** A number of milliseconds; fractions are allowed. */
export type Milliseconds = number;

/** An instant to be sent: a `Date`, or what has `epochNanoseconds`, such as a `Temporal.Instant`. */
export type InstantInit = Date | { readonly epochNanoseconds: bigint };

/** A value of properties: JSON. Members that are undefined are left out. */
export type PropertyValue = string | number | boolean | null | readonly PropertyValue[] | Properties;

/** Properties of an event: a JSON object. */
export interface Properties {
  readonly [key: string]: PropertyValue | undefined;
}

const NANOS_PER_MILLI = 1_000_000n;

/** An instant of an answer: a `Date` that also keeps what a `Date` cannot, the microseconds. */
export class Instant extends Date {
  readonly #belowMilli: number;

  /** Makes an instant from the nanoseconds since 1970. */
  constructor(epochNanoseconds: bigint) {
    const millis = floorDivide(epochNanoseconds, NANOS_PER_MILLI);
    super(Number(millis));
    this.#belowMilli = Number(epochNanoseconds - millis * NANOS_PER_MILLI);
  }

  /** The nanoseconds since 1970, as `Temporal.Instant.fromEpochNanoseconds` takes them. */
  get epochNanoseconds(): bigint {
    return BigInt(this.getTime()) * NANOS_PER_MILLI + BigInt(this.#belowMilli);
  }

  /** The microseconds within the millisecond, 0 to 999. */
  get microsecond(): number {
    return Math.trunc(this.#belowMilli / 1_000);
  }

  /** RFC 3339 in UTC, with microseconds where there are any. */
  override toISOString(): string {
    const text = super.toISOString();
    const below = this.microsecond;
    return below === 0 ? text : text.replace("Z", `${String(below).padStart(3, "0")}Z`);
  }
}

/** Returns the quotient rounded down; that of bigints is rounded towards zero. */
export function floorDivide(value: bigint, by: bigint): bigint {
  const quotient = value / by;
  return value % by < 0n ? quotient - 1n : quotient;
}

/** Returns millionths as decimal text, exactly: 1_250_000 is "1.25". For money, which answers keep in millionths. */
export function microsToDecimal(micros: number | bigint): string {
  const exact = BigInt(micros);
  const digits = (exact < 0n ? -exact : exact).toString().padStart(7, "0");
  const fraction = digits.slice(-6).replace(/0+$/, "");
  return `${exact < 0n ? "-" : ""}${digits.slice(0, -6)}${fraction === "" ? "" : `.${fraction}`}`;
}
