import { randomUUID } from "node:crypto";

let lastMillis = 0;
let counter = 0;

/** Returns a new UUIDv7 (RFC 9562). Ids that one process makes sort by the time at which they were made. */
export function uuid7(): string {
  const now = Date.now();
  const random = randomUUID();
  if (now > lastMillis) {
    lastMillis = now;
    // The upper half of what is counted in is left for further ids of the same millisecond.
    counter = Number.parseInt(random.slice(0, 3), 16) >> 1;
  } else if (++counter > 0xfff) {
    lastMillis += 1;
    counter = 0;
  }
  const time = lastMillis.toString(16).padStart(12, "0");
  return `${time.slice(0, 8)}-${time.slice(8)}-7${counter.toString(16).padStart(3, "0")}${random.slice(18)}`;
}
