import type { DescMessage, DescMethod, Message } from "@bufbuild/protobuf";
import { fromBinary } from "@bufbuild/protobuf";
import * as grpc from "@grpc/grpc-js";
import { classify } from "./classify.js";
import type { Connection } from "./connection.js";
import { TallywireError, cancelledError, closedError } from "./errors.js";
import { MessageStream } from "./message_stream.js";
import { Slots } from "./slots.js";
import { onAbort } from "./waiting.js";

// The server takes 100 calls of a connection: the rest is left to streams.
const MOST_CALLS = 90;
// How long an address may take to answer before the next one is tried beside it.
const HEAD_START_MS = 300;
// Timers fire a little early or late: by so much gRPC's own deadline may differ from the client's.
const TIMER_SLACK_MS = 5;

/** Returns the path by which gRPC calls a method. */
export function pathOf(method: DescMethod): string {
  return `/${method.parent.typeName}/${method.name}`;
}

/** Returns the function that reads the bytes of a message. */
export function decoder(schema: DescMessage): (bytes: Buffer) => Message {
  return (bytes) => fromBinary(schema, bytes);
}

function asIs(bytes: Buffer): Buffer {
  return bytes;
}

/** One connection to each address; calls use those that are ready in turn. */
class Lane {
  readonly slots = new Slots(MOST_CALLS);
  readonly #channels: readonly grpc.Client[];
  #current = 0;
  #choosing: Promise<void> | undefined;

  constructor(to: Connection) {
    this.#channels = to.addresses.map((address) => new grpc.Client(address, to.credentials, to.channelOptions));
  }

  /** Returns the channel to use if it is known without waiting. */
  get chosen(): grpc.Client | undefined {
    const count = this.#channels.length;
    if (count === 1) {
      return this.#channels[0];
    }
    let chosen: number | undefined;
    for (let step = 1; step <= count; step++) {
      const index = (this.#current + step) % count;
      // Asked of all of them: it has one connect that is idle.
      if (this.#channels[index]?.getChannel().getConnectivityState(true) === grpc.connectivityState.READY) {
        chosen ??= index;
      }
    }
    if (chosen === undefined) {
      return undefined;
    }
    this.#current = chosen;
    return this.#channels[chosen];
  }

  /** Returns the first channel that gets ready, or one that fails or is at it if none does. */
  async choose(): Promise<grpc.Client> {
    this.#choosing ??= this.#look().finally(() => (this.#choosing = undefined));
    await this.#choosing;
    const current = this.#channels[this.#current];
    if (current === undefined) {
      throw new Error("a lane has an address");
    }
    return current;
  }

  close(): void {
    for (const channel of this.#channels) {
      channel.close();
    }
  }

  async #look(): Promise<void> {
    const count = this.#channels.length;
    const order = this.#channels.map((_, step) => (this.#current + step) % count);
    const begun: number[] = [];
    for (const index of order) {
      begun.push(index);
      const ready = await this.#firstReady(begun);
      if (ready !== undefined) {
        this.#current = ready;
        return;
      }
    }
    // None: the call fails by the next address, and its retry looks again.
    this.#current = order[1] ?? 0;
  }

  /** Returns the first of some channels that is ready; undefined once the newest has failed or had its head start. */
  async #firstReady(begun: readonly number[]): Promise<number | undefined> {
    const until = Date.now() + HEAD_START_MS;
    for (;;) {
      const states = begun.map((index) => this.#channels[index]?.getChannel().getConnectivityState(true));
      const ready = states.indexOf(grpc.connectivityState.READY);
      if (ready !== -1) {
        return begun[ready];
      }
      const newest = begun.at(-1) ?? 0;
      const state = states.at(-1);
      if (state === undefined || state === grpc.connectivityState.TRANSIENT_FAILURE || Date.now() >= until) {
        return undefined;
      }
      const channel = this.#channels[newest]?.getChannel();
      await new Promise<void>((resolve) => {
        channel?.watchConnectivityState(state, until, () => {
          resolve();
        });
      });
    }
  }
}

/** What one attempt of a call is made of. */
export interface UnaryCall {
  readonly method: DescMethod;
  readonly request: Buffer;
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
}

/** A stream in both directions: its answers, and what is sent. */
export interface Duplex {
  readonly answers: MessageStream;
  write(bytes: Buffer): void;
  end(): void;
}

interface Outcome {
  resolve(response: Message): void;
  reject(error: Error): void;
}

/** The connections of a client: single attempts of calls, without retries. */
export class Transport {
  readonly #to: Connection;
  readonly #name: string;
  readonly #lanes: readonly Lane[];
  readonly #closing = new AbortController();
  #next = 0;

  constructor(to: Connection, name: string) {
    this.#to = to;
    this.#name = name;
    this.#lanes = Array.from({ length: to.connections }, () => new Lane(to));
  }

  /** Aborted when the client is closed, with the error that its calls end with. */
  get closing(): AbortSignal {
    return this.#closing.signal;
  }

  /** Ends all calls with CANCELLED. Closing again does nothing. */
  close(): void {
    if (this.closing.aborted) {
      return;
    }
    this.#closing.abort(closedError(this.#name));
    for (const lane of this.#lanes) {
      lane.close();
    }
  }

  /** Makes one attempt of a call. Rejects with a TallywireError. */
  unary(call: UnaryCall): Promise<Message> {
    return new Promise((resolve, reject) => {
      new Attempt(call, this.#lane(), this.#to.metadata, this.closing, { resolve, reject });
    });
  }

  /** Opens a stream in both directions, which ends after some time. */
  async openDuplex(method: DescMethod, timeoutMs: number, signal: AbortSignal): Promise<Duplex> {
    const channel = await this.#channel(signal);
    const call = channel.makeBidiStreamRequest(
      pathOf(method),
      asIs,
      decoder(method.output),
      this.#to.metadata.clone(),
      { deadline: Date.now() + timeoutMs },
    );
    const answers = new MessageStream(call, this.closing, signal);
    return {
      answers,
      write: (bytes) => {
        call.write(bytes);
      },
      end: () => {
        call.end();
      },
    };
  }

  /** Opens a stream of the server. */
  async open(method: DescMethod, request: Buffer, signal: AbortSignal | undefined): Promise<MessageStream> {
    const channel = await this.#channel(signal);
    const call = channel.makeServerStreamRequest(
      pathOf(method),
      asIs,
      decoder(method.output),
      request,
      this.#to.metadata.clone(),
      {},
    );
    return new MessageStream(call, this.closing, signal);
  }

  async #channel(signal: AbortSignal | undefined): Promise<grpc.Client> {
    this.#throwIfClosed();
    const lane = this.#lane();
    const channel = lane.chosen ?? (await lane.choose());
    this.#throwIfClosed();
    if (signal?.aborted === true) {
      throw cancelledError(signal);
    }
    return channel;
  }

  #throwIfClosed(): void {
    if (this.closing.aborted) {
      throw closedError(this.#name);
    }
  }

  #lane(): Lane {
    const lane = this.#lanes[this.#next % this.#lanes.length];
    this.#next = (this.#next + 1) % this.#lanes.length;
    if (lane === undefined) {
      throw new Error("a client has a connection");
    }
    return lane;
  }
}

/** One attempt: waits for a slot and a channel, calls, and settles exactly once. */
class Attempt {
  readonly #call: UnaryCall;
  readonly #lane: Lane;
  readonly #metadata: grpc.Metadata;
  readonly #closing: AbortSignal;
  readonly #outcome: Outcome;
  readonly #deadline: number;
  readonly #timer: NodeJS.Timeout;
  #stopWaiting: (() => void) | undefined;
  #running: grpc.ClientUnaryCall | undefined;
  #holdsSlot = false;
  #isSettled = false;

  constructor(call: UnaryCall, lane: Lane, metadata: grpc.Metadata, closing: AbortSignal, outcome: Outcome) {
    this.#call = call;
    this.#lane = lane;
    this.#metadata = metadata;
    this.#closing = closing;
    this.#outcome = outcome;
    this.#deadline = performance.now() + call.timeoutMs;
    this.#timer = setTimeout(this.#onTimeout, call.timeoutMs);
    const { signal } = call;
    onAbort(closing, this.#onClose);
    if (signal !== undefined) {
      onAbort(signal, this.#onAbort);
    }
    if (closing.aborted) {
      this.#onClose();
    } else if (signal?.aborted === true) {
      this.#onAbort();
    } else if (lane.slots.tryTake()) {
      this.#start();
    } else {
      this.#stopWaiting = lane.slots.wait(() => {
        this.#start();
      });
    }
  }

  readonly #onTimeout = (): void => {
    this.#settle(new TallywireError("DEADLINE_EXCEEDED", "the time for the call has run out"));
  };

  readonly #onClose = (): void => {
    this.#settle(this.#closing.reason as TallywireError);
  };

  readonly #onAbort = (): void => {
    if (this.#call.signal !== undefined) {
      this.#settle(cancelledError(this.#call.signal));
    }
  };

  #start(): void {
    this.#holdsSlot = true;
    const chosen = this.#lane.chosen;
    if (chosen !== undefined) {
      this.#send(chosen);
      return;
    }
    this.#lane.choose().then(
      (channel) => {
        if (!this.#isSettled) {
          this.#send(channel);
        }
      },
      (fault: unknown) => {
        this.#settle(new TallywireError("UNAVAILABLE", "no address could be chosen", { cause: fault }));
      },
    );
  }

  #send(channel: grpc.Client): void {
    const deadline = Date.now() + (this.#deadline - performance.now());
    this.#running = channel.makeUnaryRequest(
      pathOf(this.#call.method),
      asIs,
      decoder(this.#call.method.output),
      this.#call.request,
      this.#metadata.clone(),
      { deadline },
      (failure, response) => {
        if (response !== undefined) {
          this.#settle(undefined, response);
        } else if (failure !== null) {
          this.#settle(classify(failure, performance.now() >= this.#deadline - TIMER_SLACK_MS));
        }
      },
    );
  }

  #settle(error: TallywireError | undefined, response?: Message): void {
    if (this.#isSettled) {
      return;
    }
    this.#isSettled = true;
    clearTimeout(this.#timer);
    this.#stopWaiting?.();
    this.#closing.removeEventListener("abort", this.#onClose);
    this.#call.signal?.removeEventListener("abort", this.#onAbort);
    this.#running?.cancel();
    if (this.#holdsSlot) {
      this.#lane.slots.release();
    }
    if (response !== undefined) {
      this.#outcome.resolve(response);
    } else {
      this.#outcome.reject(error ?? new TallywireError("UNAVAILABLE", "the server sent no answer"));
    }
  }
}
