import { create } from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import * as grpc from "@grpc/grpc-js";
import {
  DirectoryService,
  EventService,
  EventStatus,
  MetricsService,
  PrivacyService,
  RealtimeService,
  type TrackEventsRequest,
  TrackEventsResponseSchema,
  grpcService,
} from "../../src/v1.js";

const SERVICES = [EventService, MetricsService, DirectoryService, RealtimeService, PrivacyService];

/** Handlers by the name of the method, such as `trackEvents`: unary ones, and streams of the server. */
export type Handlers = Record<
  string,
  grpc.handleUnaryCall<never, unknown> | grpc.handleServerStreamingCall<never, unknown>
>;

/** A server of grpc-js that plays what a test wants. */
export class FakeServer implements AsyncDisposable {
  private constructor(
    readonly address: string,
    readonly server: grpc.Server,
  ) {}

  static async start(handlers: Handlers, port = 0): Promise<FakeServer> {
    const server = new grpc.Server();
    for (const service of SERVICES) {
      const definition = grpcService(service);
      const own = Object.entries(handlers).filter(([name]) => name in definition);
      if (own.length > 0) {
        server.addService(definition, Object.fromEntries(own) as unknown as grpc.UntypedServiceImplementation);
      }
    }
    const bound = await new Promise<number>((resolve, reject) => {
      server.bindAsync(`127.0.0.1:${String(port)}`, grpc.ServerCredentials.createInsecure(), (error, chosen) => {
        if (error === null) {
          resolve(chosen);
        } else {
          reject(error);
        }
      });
    });
    return new FakeServer(`127.0.0.1:${String(bound)}`, server);
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- the protocol wants a promise
  async [Symbol.asyncDispose](): Promise<void> {
    this.server.forceShutdown();
  }
}

/** What a refusal says beside its status. */
export interface Refusal {
  reason?: string;
  domain?: string;
  field?: string;
  metadata?: Record<string, string>;
  retryMs?: number;
  pushback?: string;
}

function nested(number: number, bytes: Uint8Array, writer = new BinaryWriter()): BinaryWriter {
  return writer.tag(number, WireType.LengthDelimited).bytes(bytes);
}

function text(number: number, value: string, writer = new BinaryWriter()): BinaryWriter {
  return writer.tag(number, WireType.LengthDelimited).string(value);
}

function any(type: string, value: Uint8Array): Uint8Array {
  return nested(2, value, text(1, `type.googleapis.com/google.rpc.${type}`)).finish();
}

/** Returns the error with which a handler refuses a call, as the service would, or as something between would. */
export function refusal(code: grpc.status, details: Refusal = {}): Partial<grpc.ServiceError> {
  const metadata = new grpc.Metadata();
  if (details.pushback !== undefined) {
    metadata.set("grpc-retry-pushback-ms", details.pushback);
  }
  const writer = text(2, "refused by the test");
  if (details.reason !== undefined) {
    const info = text(2, details.domain ?? "tallywire", text(1, details.reason));
    for (const [key, value] of Object.entries(details.metadata ?? {})) {
      nested(3, text(2, value, text(1, key)).finish(), info);
    }
    nested(3, any("ErrorInfo", info.finish()), writer);
  }
  if (details.retryMs !== undefined) {
    const seconds = Math.floor(details.retryMs / 1_000);
    const delay = new BinaryWriter().tag(1, WireType.Varint).int64(seconds);
    delay.tag(2, WireType.Varint).int32((details.retryMs % 1_000) * 1e6);
    nested(3, any("RetryInfo", nested(1, delay.finish()).finish()), writer);
  }
  if (details.field !== undefined) {
    nested(3, any("BadRequest", nested(1, text(1, details.field).finish()).finish()), writer);
  }
  if (details.reason !== undefined || details.retryMs !== undefined) {
    metadata.set("grpc-status-details-bin", Buffer.from(writer.finish()));
  }
  return { code, details: "refused by the test", metadata };
}

/** Plays steps one after the other for the attempts of a unary call; the last step is for all that follow. */
export function steps<I>(
  requests: I[],
  ...play: ((request: I) => Partial<grpc.ServiceError> | object)[]
): grpc.handleUnaryCall<never, unknown> {
  return (call, callback) => {
    const step = play[Math.min(requests.length, play.length - 1)];
    requests.push(call.request);
    const answer = step?.(call.request) ?? {};
    if ("code" in answer) {
      callback(answer as Partial<grpc.ServiceError>);
    } else {
      callback(null, answer);
    }
  };
}

/** Answers TrackEvents as the service does when all is well. */
export function acceptAll(request: TrackEventsRequest): object {
  return create(TrackEventsResponseSchema, {
    results: request.events.map((event) => ({ eventId: event.eventId, status: EventStatus.ACCEPTED })),
    revision: 7n,
  });
}

/** Waits until something is so; fails after a time that no machine takes. */
export async function until(condition: () => boolean): Promise<void> {
  const end = Date.now() + 30_000;
  while (!condition()) {
    if (Date.now() > end) {
      throw new Error(`never came true: ${condition.toString()}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
