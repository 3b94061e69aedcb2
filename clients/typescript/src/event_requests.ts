import { type DescMethod, type Message, toBinary } from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { TimestampSchema } from "@bufbuild/protobuf/wkt";
import type { ClientClock } from "./caller.js";
import type { EncodedEvent } from "./events.js";
import type { EventResult } from "./gen/messages.js";
import type { Event } from "./gen/tallywire/v1/event_pb.js";
import { uuid7 } from "./ids.js";
import { timestamp } from "./parse.js";

/** The most events of a request. */
export const MAX_EVENTS = 1_000;
/** The most bytes of the events of a request: the server takes 4 MiB, headers and framing included. */
export const MAX_BYTES = 3_670_016;

/** Some consecutive events of a batch: to be sent together, or one that no request can carry, with its result. */
export type Part =
  { readonly events: readonly EncodedEvent[]; readonly refused?: undefined } | { readonly refused: EventResult };

/** Returns the bytes of a TrackEventRequest or TrackEventsRequest, stamped with the time of the call. */
export function requestBytes(events: readonly EncodedEvent[], clock: ClientClock): Buffer {
  const writer = new BinaryWriter();
  for (const event of events) {
    writer.tag(1, WireType.LengthDelimited).bytes(event.bytes);
  }
  if (clock.stamp) {
    const sentAt = toBinary(TimestampSchema, timestamp("sentAt", new Date()));
    writer.tag(2, WireType.LengthDelimited).bytes(sentAt);
  }
  if (clock.correct) {
    writer.tag(3, WireType.Varint).bool(true);
  }
  const bytes = writer.finish();
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Returns what encodes a request with events anew for each attempt: the same ids and content, and the time of the call. */
export function stamped(method: DescMethod, message: Message, clock: ClientClock): () => Buffer {
  const given = message as Message & { event?: Event; events?: Event[]; correctClock: boolean };
  const request = {
    ...given,
    ...(given.event === undefined ? {} : { event: withId(given.event) }),
    ...(given.events === undefined ? {} : { events: given.events.map(withId) }),
    correctClock: given.correctClock || clock.correct,
  };
  return () => {
    const sentAt = clock.stamp ? { sentAt: timestamp("sentAt", new Date()) } : {};
    const bytes = toBinary(method.input, { ...request, ...sentAt });
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  };
}

/** Returns the event itself if it has an id, else a copy with a new one. */
export function withId(event: Event): Event {
  return event.eventId === "" ? { ...event, eventId: uuid7() } : event;
}

/** Splits a batch of any size into parts that fit in a request each, in order. */
export function* parts(events: Iterable<EncodedEvent>): Generator<Part, void, undefined> {
  let gathered: EncodedEvent[] = [];
  let total = 0;
  for (const event of events) {
    if (gathered.length > 0 && (gathered.length === MAX_EVENTS || total + event.size > MAX_BYTES)) {
      yield { events: gathered };
      gathered = [];
      total = 0;
    }
    if (event.size > MAX_BYTES) {
      yield { refused: tooLarge(event.id) };
    } else {
      gathered.push(event);
      total += event.size;
    }
  }
  if (gathered.length > 0) {
    yield { events: gathered };
  }
}

/** Returns the result that the server would give, had the event fitted in a request. */
function tooLarge(eventId: string): EventResult {
  const rejection = {
    field: "",
    reason: "EVENT_TOO_LARGE",
    message: "The event does not fit in a request.",
    code: 3,
  } as const;
  return { eventId, status: "REJECTED", rejection, warnings: [] };
}
