import { fromBinary } from "@bufbuild/protobuf";
import type { EncodedEvent } from "./events.js";
import type { Event } from "./gen/messages.js";
import { EventSchema } from "./gen/tallywire/v1/event_pb.js";
import { toPlain } from "./plain.js";

const INTERVAL_MS = 60_000;
const MOST_KINDS = 100; // kept apart; what comes beyond is counted together
const MOST_LISTED = 10;
const OTHERS = "other reasons";

/** Called with each event that is lost, or undefined if none could be built, and the reason. */
export type OnDrop = (event: Event | undefined, reason: string) => void;

/** An event that will not be stored, or whose outcome stays unknown. Those of one kind are counted together. */
export interface LostEvent {
  readonly event: EncodedEvent | undefined;
  readonly kind: string;
  readonly reason: string;
}

/** The lost events of a tracker: reported to `onDrop`, and logged in one line a minute at most. */
export class LostEvents {
  readonly #log: (line: string) => void;
  readonly #onDrop: OnDrop | undefined;
  #kinds = new Map<string, { count: number; example: string }>();
  #loggedAt = -Infinity;
  #timer: NodeJS.Timeout | undefined;
  #isReporting = false;

  constructor(log: (line: string) => void, onDrop: OnDrop | undefined) {
    this.#log = log;
    this.#onDrop = onDrop;
  }

  /** Enters lost events. The first of them are logged at once. */
  add(events: readonly LostEvent[]): void {
    if (events.length === 0) {
      return;
    }
    for (const lost of events) {
      const isKept = this.#kinds.has(lost.kind) || this.#kinds.size < MOST_KINDS;
      const kind = isKept ? lost.kind : OTHERS;
      const known = this.#kinds.get(kind) ?? { count: 0, example: isKept ? lost.reason : OTHERS };
      this.#kinds.set(kind, { ...known, count: known.count + 1 });
      this.#report(lost);
    }
    const wait = this.#loggedAt + INTERVAL_MS - performance.now();
    if (wait <= 0) {
      this.log();
    } else {
      this.#timer ??= setTimeout(() => {
        this.log();
      }, wait).unref();
    }
  }

  /** Logs what was lost since the last line, if anything was. */
  log(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#kinds.size === 0) {
      return;
    }
    const kinds = [...this.#kinds.values()].sort((one, other) => other.count - one.count);
    this.#kinds = new Map();
    this.#loggedAt = performance.now();
    const total = kinds.reduce((sum, kind) => sum + kind.count, 0);
    const parts = kinds.slice(0, MOST_LISTED).map((kind) => `${String(kind.count)} × ${kind.example}`);
    const rest = kinds.slice(MOST_LISTED).reduce((sum, kind) => sum + kind.count, 0);
    if (rest > 0) {
      parts.push(`${String(rest)} × others`);
    }
    const head = total === 1 ? "1 event is lost" : `${String(total)} events are lost`;
    this.say(`${head}: ${parts.join("; ")}`);
  }

  /** Writes a line. The sender goes on, whatever the logger does. */
  say(line: string): void {
    try {
      this.#log(line);
    } catch {
      // There is nowhere left to say it.
    }
  }

  /** Calls onDrop; what is lost inside of it is only counted. */
  #report(lost: LostEvent): void {
    if (this.#onDrop === undefined || this.#isReporting) {
      return;
    }
    this.#isReporting = true;
    try {
      const event = lost.event && toPlain<Event>(EventSchema, fromBinary(EventSchema, lost.event.bytes));
      this.#onDrop(event, lost.reason);
    } catch (error) {
      this.say(`onDrop failed: ${String(error)}`);
    } finally {
      this.#isReporting = false;
    }
  }
}
