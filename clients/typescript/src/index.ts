/**
 * Track what AI agents, chatbots and call-centre agents do, and read exact figures.
 *
 * @module
 */

export type { CallOptions, StreamOptions } from "./caller.js";
export { Client, type ClientOptions } from "./client.js";
export type { ConnectionOptions } from "./connection.js";
export { type Context, type Id, withContext } from "./context.js";
export type { ConversationTracker } from "./conversation.js";
export { ArgumentError, type Code, OutOfSequenceError, TallywireError } from "./errors.js";
export type { EventBatches, EventStream, EventStreamOptions } from "./event_stream.js";
export { type CommonFields, type EventContext, type EventFields, type EventType, event } from "./events.js";
export type { DetailByEventType } from "./gen/event_types.js";
export type * from "./gen/messages.js";
export { uuid7 } from "./ids.js";
export { raw } from "./plain.js";
export type { Subscription, SubscriptionOptions, UpdatesOptions, WatchOptions } from "./subscription.js";
export {
  Instant,
  type InstantInit,
  type Milliseconds,
  type Properties,
  type PropertyValue,
  microsToDecimal,
} from "./values.js";
export type { TrackerStats } from "./event_buffer.js";
export type { OnDrop } from "./lost_events.js";
export { Tracker, type TrackerOptions } from "./tracker.js";
export { VERSION } from "./version.js";
