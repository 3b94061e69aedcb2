import { type DescMessage, toBinary } from "@bufbuild/protobuf";
import { type Context, type Id, currentContext } from "./context.js";
import { ArgumentError } from "./errors.js";
import { withId } from "./event_requests.js";
import { shown } from "./field_values.js";
import { type DetailByEventType, FAMILY_OF } from "./gen/event_types.js";
import type { Event, EventInit } from "./gen/messages.js";
import { type Event as EventMessage, EventSchema } from "./gen/tallywire/v1/event_pb.js";
import { uuid7 } from "./ids.js";
import { fromPlain, timestamp } from "./parse.js";
import { toPlain } from "./plain.js";
import type { InstantInit, Properties } from "./values.js";

/** An event type that the service knows, or one of your own: the past tense, dotted, such as `order.placed`. */
export type EventType = keyof DetailByEventType | (string & {});

/** Who, where and what: the fields that many events of one conversation share. */
export interface EventContext extends Context {
  /** The kind of thing that the event is about, for example `document`. */
  readonly resourceType?: string | undefined;
  /** Which thing of that kind. */
  readonly resourceId?: Id | undefined;
  /** Properties of your own: JSON. Whole numbers beyond 2^53 are refused; send them as text. */
  readonly properties?: Properties | undefined;
}

/** The fields that every event has. */
export interface CommonFields extends EventContext {
  /** The identity of the event: the service counts the same id once, for ever. Default: a new UUIDv7. */
  readonly eventId?: Id | undefined;
  /** When the event happened. Default: now. */
  readonly occurredAt?: InstantInit | undefined;
}

/** The fields that an event of a type takes: the common ones, and those of the detail that belongs to the type. */
export type EventFields<T extends string> = CommonFields &
  (T extends keyof DetailByEventType ? Readonly<DetailByEventType[T]> : { readonly detail?: EventInit["detail"] });

/** An event in the form in which it is sent. */
export interface EncodedEvent {
  readonly id: string;
  readonly type: string;
  readonly bytes: Uint8Array;
  /** The bytes that it takes up in a request, with a tag and a length. */
  readonly size: number;
}

const IDS = ["eventId", "agentId", "userId", "conversationId", "teamId", "campaignId", "resourceId"] as const;
const TEXTS = ["channel", "resourceType"] as const;
const COMMON: ReadonlySet<string> = new Set([...IDS, ...TEXTS, "occurredAt", "properties", "detail"]);
const DETAILS: ReadonlyMap<string, DescMessage> = new Map(
  EventSchema.fields.flatMap((field) =>
    field.oneof !== undefined && field.fieldKind === "message" ? [[field.localName, field.message] as const] : [],
  ),
);

/**
 * Makes an event: with an id, so that to send it again is safe, and with the time of now unless another is given.
 *
 * ```ts
 * event("message.sent", { agentId: "support-bot", conversationId: "c1", responseTimeMs: 820 })
 * ```
 *
 * Fields are those of {@link CommonFields} and of the detail that belongs to the type. Whole numbers take what is whole;
 * those whose names end in `Ms` and `Micros` are rounded to the nearest one. Throws {@link ArgumentError} for what the
 * type does not take.
 */
export function event<T extends EventType>(eventType: T, fields?: EventFields<T>): Event {
  return toPlain<Event>(EventSchema, buildEvent(eventType, fields));
}

/** Makes the message of an event. Throws ArgumentError. */
export function buildEvent(eventType: string, fields: object = {}): EventMessage {
  if (typeof eventType !== "string" || eventType === "") {
    throw new ArgumentError("eventType", `is a text such as "message.sent", not ${shown(eventType)}`);
  }
  const common: Record<string, unknown> = { ...currentContext(), eventType };
  const own: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(fields)) {
    if (value !== undefined && value !== null) {
      (COMMON.has(name) ? common : own)[name] = value;
    }
  }
  for (const name of IDS) {
    if (common[name] !== undefined) {
      common[name] = idText(name, common[name]);
    }
  }
  const message = fromPlain(EventSchema, common) as EventMessage;
  message.eventId ||= uuid7();
  message.occurredAt ??= timestamp("occurredAt", new Date());
  attachDetail(message, own);
  return message;
}

function attachDetail(message: EventMessage, own: Record<string, unknown>): void {
  const names = Object.keys(own);
  const family = Object.hasOwn(FAMILY_OF, message.eventType)
    ? FAMILY_OF[message.eventType as keyof typeof FAMILY_OF]
    : undefined;
  const whole = message.detail.case;
  if (whole !== undefined && family !== undefined && whole !== family) {
    throw new ArgumentError("detail", `of ${message.eventType} is ${family}, not ${whole}`);
  }
  const first = names[0];
  if (first === undefined) {
    return;
  }
  const schema = family === undefined ? undefined : DETAILS.get(family);
  if (family === undefined || schema === undefined) {
    throw new ArgumentError(
      first,
      `is no field of the custom event type ${message.eventType}: pass detail or properties`,
    );
  }
  if (whole !== undefined) {
    throw new ArgumentError(first, "and detail exclude each other");
  }
  const value = fromPlain(schema, own);
  message.detail = { case: family, value } as EventMessage["detail"];
}

function idText(name: string, value: unknown): string {
  if (typeof value === "string") {
    return value;
  }
  if (typeof value === "bigint" || Number.isSafeInteger(value)) {
    return String(value);
  }
  throw new ArgumentError(name, `is a text or a whole number, not ${shown(value)}`);
}

/** Returns an event in the form in which it is sent: the caller may change its own object afterwards. */
export function encodeEvent(given: string | EventInit, fields?: object): EncodedEvent {
  if (typeof given !== "string" && fields !== undefined) {
    throw new ArgumentError("fields", "belong to an event type: an event that is built takes none");
  }
  const message =
    typeof given === "string" ? buildEvent(given, fields) : withId(fromPlain(EventSchema, given) as EventMessage);
  const bytes = toBinary(EventSchema, message);
  return { id: message.eventId, type: message.eventType, bytes, size: bytes.length + 6 };
}
