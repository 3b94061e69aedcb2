import type { EncodedEvent } from "./events.js";
import { MAX_BYTES } from "./event_requests.js";

/** What became of the events given to a tracker; each is in exactly one of these counts. */
export interface TrackerStats {
  /** Stored and counted by the server. */
  readonly sent: number;
  /** Stored before with the same id, as when an answer was lost and the event was sent again: a success. */
  readonly duplicates: number;
  /** Refused by the server for what they are. */
  readonly rejected: number;
  /** Never taken: they could not be built, or fit in no request. */
  readonly invalid: number;
  /** Not sent: a bound was reached, or the tracker was closed. */
  readonly dropped: number;
  /** Given up after they were sent, or without a result. */
  readonly failed: number;
  /** Waiting or under way. */
  readonly pending: number;
}

/** The outcomes of some events. */
export type Outcomes = Partial<Omit<TrackerStats, "pending">>;

/** Events that are taken together. */
export interface Batch {
  readonly events: readonly EncodedEvent[];
  readonly bytes: number;
}

interface WaitingEvent {
  readonly event: EncodedEvent;
  readonly since: number;
}

/** The events that wait or are under way, within bounds, and the counts of all that came. */
export class EventBuffer {
  readonly #maxEvents: number;
  readonly #maxBytes: number;
  readonly #counts = { sent: 0, duplicates: 0, rejected: 0, invalid: 0, dropped: 0, failed: 0 };
  #waiting: WaitingEvent[] = [];
  #first = 0; // what is before it has been taken out
  #bytes = 0;
  #taken = 0;
  #settled = 0;

  constructor(maxEvents: number, maxBytes: number) {
    this.#maxEvents = maxEvents;
    this.#maxBytes = maxBytes;
  }

  /** How many events wait; those under way are not counted. */
  get waiting(): number {
    return this.#waiting.length - this.#first;
  }

  /** How many events have ever been taken in. */
  get taken(): number {
    return this.#taken;
  }

  /** How many of these have an outcome. */
  get settled(): number {
    return this.#settled;
  }

  /** When the oldest waiting event came. */
  get oldest(): number | undefined {
    return this.#waiting[this.#first]?.since;
  }

  /** Takes an event in, or returns false if there is no room. */
  put(event: EncodedEvent): boolean {
    const isFull = this.#taken - this.#settled >= this.#maxEvents || this.#bytes + event.size > this.#maxBytes;
    if (isFull) {
      return false;
    }
    this.#taken += 1;
    this.#bytes += event.size;
    this.#waiting.push({ event, since: performance.now() });
    return true;
  }

  /** Returns the oldest events that fit in one request; they stay pending until they are settled. */
  take(limit: number): Batch {
    const events: EncodedEvent[] = [];
    let bytes = 0;
    while (events.length < limit) {
      const entry = this.#waiting[this.#first];
      if (entry === undefined || (events.length > 0 && bytes + entry.event.size > MAX_BYTES)) {
        break;
      }
      events.push(entry.event);
      bytes += entry.event.size;
      this.#first += 1;
    }
    // Now and then, so that a full buffer is not moved with each batch.
    if (this.#first * 2 >= this.#waiting.length) {
      this.#waiting = this.#waiting.slice(this.#first);
      this.#first = 0;
    }
    return { events, bytes };
  }

  /** Counts the outcomes of a batch. */
  settle(batch: Batch, outcomes: Outcomes): void {
    this.#settled += batch.events.length;
    this.#bytes -= batch.bytes;
    this.count(outcomes);
  }

  /** Counts outcomes of events that never were in the buffer. */
  count(outcomes: Outcomes): void {
    for (const [name, number] of Object.entries(outcomes) as [keyof Outcomes, number][]) {
      this.#counts[name] += number;
    }
  }

  /** Returns the counts. */
  stats(): TrackerStats {
    return { ...this.#counts, pending: this.#taken - this.#settled };
  }
}
