import type { EventContext, EventFields, EventType } from "./events.js";

type Track<R> = (eventType: string, fields: object) => R;

/**
 * One conversation: the events that are tracked through it carry its id, agent, user, channel and whatever else it was
 * given. Fields of a single event win over those of the conversation; properties are put together.
 */
export class ConversationTracker<R> {
  readonly #track: Track<R>;
  readonly #context: EventContext;

  /** @internal */
  constructor(track: Track<R>, context: EventContext) {
    this.#track = track;
    this.#context = context;
  }

  /** Tracks an event of this conversation. */
  track<T extends EventType>(eventType: T, fields?: EventFields<T>): R {
    return this.#track(eventType, merged(this.#context, fields));
  }

  /** Returns the same conversation with further or other fields, as after a hand-over to another agent. */
  with(context: EventContext): ConversationTracker<R> {
    return new ConversationTracker(this.#track, merged(this.#context, context));
  }
}

function merged(context: EventContext, fields: EventContext = {}): EventContext {
  const given = Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined && value !== null));
  const both = { ...context, ...given };
  return context.properties === undefined || fields.properties === undefined
    ? both
    : { ...both, properties: { ...context.properties, ...fields.properties } };
}
