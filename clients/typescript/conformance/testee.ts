/** The testee of the TypeScript client: see clients/conformance/TESTEE.md. */

import { createInterface } from "node:readline";
import { inspect } from "node:util";
import {
  type DescMessage,
  type DescMethod,
  type DescService,
  type JsonValue,
  type Message,
  fromJson,
  toJson,
} from "@bufbuild/protobuf";
import { TimestampSchema } from "@bufbuild/protobuf/wkt";
import {
  ArgumentError,
  Client,
  type ConnectionOptions,
  type EventInit,
  TallywireError,
  Tracker,
  VERSION,
  event,
  raw,
} from "../src/index.js";
import { fromPlain } from "../src/parse.js";
import { toPlain } from "../src/plain.js";
import * as v1 from "../src/v1.js";

type Json = Record<string, JsonValue | undefined>;
type Plain = Record<string, unknown>;

interface Command extends Json {
  id: number;
  do: string;
}

/** Batches that the driver gives one by one. */
class Source implements AsyncIterable<EventInit[]> {
  readonly #batches: EventInit[][] = [];
  #hasEnded = false;
  #wake: (() => void) | undefined;

  put(batch: EventInit[] | undefined): void {
    if (batch === undefined) {
      this.#hasEnded = true;
    } else {
      this.#batches.push(batch);
    }
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<EventInit[], void, undefined> {
    for (;;) {
      yield* this.#batches.splice(0);
      if (this.#hasEnded && this.#batches.length === 0) {
        return;
      }
      if (this.#batches.length === 0) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }
}

interface OpenStream {
  source?: Source;
  subscription: { next(): Promise<IteratorResult<object, undefined>>; close(): void };
  schema: DescMessage;
  step: Promise<IteratorResult<object>> | undefined;
}

class Unsupported extends Error {}

const SERVICES = (Object.values(v1) as unknown[]).filter(
  (one): one is DescService => typeof one === "object" && one !== null && "kind" in one && one.kind === "service",
);
const METHODS = new Map<string, DescMethod>(
  SERVICES.flatMap((service) => service.methods.map((method) => [`${service.typeName}/${method.name}`, method])),
);

const clients = new Map<string, Client>();
const trackers = new Map<string, Tracker>();
const streams = new Map<string, OpenStream>();
const running = new Map<number, AbortController>();

function camel(name: string): string {
  return name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

/** Returns a message in JSON as the client's methods take it. */
// eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- generated types belong to schemas
function given<T = object>(schema: DescMessage, json: JsonValue | undefined): T {
  return toPlain<T>(schema, fromJson(schema, json ?? {}));
}

/** Returns what a client's method gave in protobuf's JSON form: by the plain object, so that this is tested, too. */
function shown(schema: DescMessage, answer: object): JsonValue {
  let message: Message;
  try {
    message = fromPlain(schema, answer);
  } catch (error) {
    const exact = error instanceof RangeError ? raw(answer) : undefined;
    if (exact === undefined) {
      throw error;
    }
    message = exact;
  }
  return toJson(schema, message, { useProtoFieldName: true });
}

function text(command: Command, name: string): string {
  const value = command[name];
  if (typeof value !== "string") {
    throw new Error(`${name} of ${command.do} is not a text`);
  }
  return value;
}

function find<T>(map: ReadonlyMap<string, T>, command: Command, name: string): T {
  const found = map.get(text(command, name));
  if (found === undefined) {
    throw new Error(`there is no ${name} ${text(command, name)}`);
  }
  return found;
}

/** Returns the given ones of some members of a command, as the client spells them. */
function options(command: Command, ...names: string[]): Plain {
  return Object.fromEntries(names.filter((name) => name in command).map((name) => [camel(name), command[name]]));
}

function connectionOptions(command: Command): ConnectionOptions {
  const names = ["insecure", "root_certificates", "certificate_chain", "private_key", "connections"];
  return { apiKey: command["key"] as string, ...options(command, ...names) };
}

function callOptions(command: Command): { timeoutMs?: number; signal?: AbortSignal } {
  const { signal } = running.get(command.id) ?? {};
  return { ...options(command, "timeout_ms"), ...(signal === undefined ? {} : { signal }) };
}

/** Returns the client's method by its name. */
// eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- what a name gives is not known to types
function method<T>(client: Client, name: string): (request: object, options: object) => T {
  const found = (client as unknown as Record<string, unknown>)[name];
  if (typeof found !== "function") {
    throw new Unsupported(`there is no method ${name}`);
  }
  return found.bind(client) as (request: object, options: object) => T;
}

const commands: Record<string, (command: Command) => object | Promise<object>> = {
  info: () => ({ language: "typescript", version: VERSION, user_agent: `tallywire-typescript/${VERSION}` }),

  open(command) {
    clients.set(text(command, "client"), new Client(command["addresses"] as string[], connectionOptions(command)));
    return {};
  },

  close(command) {
    find(clients, command, "client").close();
    return {};
  },

  describe(command) {
    const client = find(clients, command, "client");
    return { text: `${inspect(client, { depth: 9 })} ${String(client)} ${JSON.stringify(client)}` };
  },

  async call(command) {
    const client = find(clients, command, "client");
    const found = find(METHODS, command, "method");
    const request = given(found.input, command["request"]);
    if (found.methodKind === "server_streaming") {
      const responses: JsonValue[] = [];
      const stream = method<AsyncIterable<object>>(client, found.localName)(request, callOptions(command));
      for await (const response of stream) {
        responses.push(shown(found.output, response));
      }
      return { responses };
    }
    const response = await method<Promise<object>>(client, found.localName)(request, callOptions(command));
    return { response: shown(found.output, response) };
  },

  async pages(command) {
    const client = find(clients, command, "client");
    const found = find(METHODS, command, "method");
    const rowField = found.output.fields.find((field) => field.fieldKind === "list" && field.listKind === "message");
    const row = rowField?.message;
    if (row === undefined) {
      throw new Unsupported(`${found.name} has no pages`);
    }
    const rows: JsonValue[] = [];
    const all = method<AsyncIterable<object>>(client, `${found.localName}All`);
    for await (const one of all(given(found.input, command["request"]), callOptions(command))) {
      rows.push(shown(row, one));
    }
    return { rows };
  },

  build(command) {
    const fields = Object.fromEntries(
      Object.entries(command["fields"] as Json).map(([name, value]) => [camel(name), value as unknown]),
    );
    if (typeof fields["occurredAt"] === "string") {
      const { seconds, nanos } = fromJson(TimestampSchema, fields["occurredAt"]);
      fields["occurredAt"] = { epochNanoseconds: seconds * 1_000_000_000n + BigInt(nanos) };
    }
    const made = event(text(command, "event_type"), { ...fields, ...options(command, "properties") });
    return { event: shown(v1.EventSchema, made) };
  },

  async track(command) {
    const client = find(clients, command, "client");
    const events = (command["events"] as JsonValue[]).map((one) => given<EventInit>(v1.EventSchema, one));
    const [first] = events;
    const results =
      command["single"] === true && first !== undefined
        ? [await client.track(first, callOptions(command))]
        : await client.trackBatch(events, callOptions(command));
    return { results: results.map((result) => shown(v1.EventResultSchema, result)) };
  },

  cancel(command) {
    running.get(command["of"] as number)?.abort();
    return {};
  },

  async load(command) {
    const client = find(clients, command, "client");
    const [batch, lanes] = [command["batch"] as number, command["under_way"] as number];
    const end = performance.now() + (command["seconds"] as number) * 1_000;
    const counts = { calls: 0, events: 0, failed: 0 };
    const lane = async (): Promise<void> => {
      while (performance.now() < end) {
        const events = Array.from({ length: batch }, () => event("message.sent"));
        const [first] = events;
        try {
          await (batch === 1 && first !== undefined ? client.track(first) : client.trackBatch(events));
          counts.calls += 1;
          counts.events += batch;
        } catch {
          counts.failed += 1;
        }
      }
    };
    await Promise.all(Array.from({ length: lanes }, lane));
    return counts;
  },

  tracker_open(command) {
    const names = ["max_events", "max_bytes", "batch_size", "flush_interval_ms", "retry_for_ms"];
    const tracker = new Tracker(command["addresses"] as string[], {
      ...connectionOptions(command),
      ...options(command, ...names),
      log: (line) => process.stderr.write(`${line}\n`),
    });
    trackers.set(text(command, "tracker"), tracker);
    return {};
  },

  tracker_track(command) {
    const tracker = find(trackers, command, "tracker");
    const events = (command["events"] as JsonValue[]).map((one) => given<EventInit>(v1.EventSchema, one));
    return { taken: events.map((one) => tracker.track(one)) };
  },

  async tracker_flush(command) {
    return { settled: await find(trackers, command, "tracker").flush(command["timeout_ms"] as number) };
  },

  async tracker_close(command) {
    return { settled: await find(trackers, command, "tracker").close(command["timeout_ms"] as number) };
  },

  tracker_stats: (command) => find(trackers, command, "tracker").stats(),

  stream_open(command) {
    const client = find(clients, command, "client");
    if (command["kind"] === "events") {
      const source = new Source();
      streams.set(text(command, "stream"), {
        source,
        subscription: client.streamEvents(source, options(command, "max_unacked", "retry_for_ms")),
        schema: v1.StreamAckSchema,
        step: undefined,
      });
      return {};
    }
    const settings = options(command, "silence_ms", "heartbeats", "bookmarks");
    const isWatch = command["kind"] === "watch";
    const subscription = isWatch
      ? client.watch(given(v1.WatchMetricsRequestSchema, command["request"]), settings)
      : client.updates(given(v1.WatchUpdatesRequestSchema, command["request"]), settings);
    const schema = isWatch ? v1.WatchMetricsResponseSchema : v1.WatchUpdatesResponseSchema;
    streams.set(text(command, "stream"), {
      subscription: subscription,
      schema,
      step: undefined,
    });
    return {};
  },

  stream_send(command) {
    const events = (command["events"] as JsonValue[]).map((one) => given<EventInit>(v1.EventSchema, one));
    find(streams, command, "stream").source?.put(events);
    return {};
  },

  stream_end(command) {
    find(streams, command, "stream").source?.put(undefined);
    return {};
  },

  async stream_next(command) {
    const stream = find(streams, command, "stream");
    stream.step ??= stream.subscription.next();
    const { signal } = running.get(command.id) ?? {};
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<"timeout">((resolve) => {
      timer = setTimeout(resolve, command["timeout_ms"] as number, "timeout");
    });
    const cancelled = new Promise<never>((_, reject) => {
      signal?.addEventListener("abort", () => {
        stream.subscription.close();
        reject(new TallywireError("CANCELLED", "the step was cancelled"));
      });
    });
    try {
      const step = await Promise.race([stream.step, timeout, cancelled]);
      if (step === "timeout") {
        return { timeout: true };
      }
      stream.step = undefined;
      return step.done === true ? { end: true } : { update: shown(stream.schema, step.value) };
    } catch (error) {
      stream.step = undefined;
      throw error;
    } finally {
      clearTimeout(timer);
    }
  },

  stream_close(command) {
    find(streams, command, "stream").subscription.close();
    streams.delete(text(command, "stream"));
    return {};
  },
};

/** Returns the error of a reply. */
function failure(error: unknown): object {
  if (error instanceof TallywireError) {
    const { code, reason, field, metadata, message, retryAfterMs, outcomeUnknown } = error;
    const asked = retryAfterMs === undefined ? null : retryAfterMs === Infinity ? -1 : Math.round(retryAfterMs);
    const facts = { code, reason, field, metadata, message, local: false };
    return { error: { ...facts, retry_after_ms: asked, outcome_unknown: outcomeUnknown } };
  }
  if (error instanceof ArgumentError) {
    const facts = { code: "INVALID_ARGUMENT", reason: "", field: error.field, metadata: {}, message: error.message };
    return { error: { ...facts, retry_after_ms: null, outcome_unknown: false, local: true } };
  }
  if (error instanceof Unsupported) {
    return { unsupported: error.message };
  }
  return { fault: inspect(error) };
}

async function answer(command: Command): Promise<void> {
  running.set(command.id, new AbortController());
  let reply: object;
  try {
    const act = commands[command.do];
    reply = act === undefined ? { unsupported: `no command ${command.do}` } : { ok: await act(command) };
  } catch (error) {
    reply = failure(error);
  }
  running.delete(command.id);
  process.stdout.write(`${JSON.stringify({ id: command.id, ...reply })}\n`);
}

for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
  void answer(JSON.parse(line) as Command);
}
for (const stream of streams.values()) {
  stream.subscription.close();
}
for (const client of clients.values()) {
  client.close();
}
await Promise.all([...trackers.values()].map((tracker) => tracker.close(0)));
