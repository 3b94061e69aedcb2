import { create } from "@bufbuild/protobuf";
import { OutOfSequenceError } from "./errors.js";
import type {
  WatchMetricsRequest,
  WatchMetricsResponse,
  WatchUpdatesRequest,
  WatchUpdatesResponse,
} from "./gen/messages.js";
import {
  RealtimeService,
  type WatchMetricsRequest as StateRequest,
  WatchMetricsRequestSchema,
  type WatchMetricsResponse as StateMessage,
  WatchMetricsResponseSchema,
  type WatchUpdatesRequest as UpdateRequest,
  WatchUpdatesRequestSchema,
  type WatchUpdatesResponse as UpdateMessage,
  WatchUpdatesResponseSchema,
} from "./gen/tallywire/v1/realtime_service_pb.js";
import { encoded } from "./caller.js";
import { fromPlain } from "./parse.js";
import { toPlain } from "./plain.js";
import type { DescMethod, Message } from "@bufbuild/protobuf";

// How long a server that lags behind another one may take to catch up.
const BEHIND_MS = 60_000;

/** What a subscription has got, and what may come next. */
export interface Progress<T> {
  readonly method: DescMethod;
  /** The token to go on after; empty where there is none. */
  readonly resumeToken: string;
  /** Returns the request of a new connection. */
  request(): Buffer;
  /** Enters a message, and returns what there is to yield. Throws OutOfSequenceError. */
  take(message: Message): T | undefined;
}

/** The progress of WatchMetrics: revisions never go back, whichever server the stream reconnects to. */
export class StateProgress implements Progress<WatchMetricsResponse> {
  readonly method = RealtimeService.method.watchMetrics;
  readonly resumeToken = "";
  readonly #request: StateRequest;
  readonly #heartbeats: boolean;
  #revision = 0n;
  #behindSince: number | undefined;

  constructor(request: WatchMetricsRequest, heartbeats: boolean) {
    this.#request = fromPlain(WatchMetricsRequestSchema, request) as StateRequest;
    this.#heartbeats = heartbeats;
  }

  request(): Buffer {
    return encoded(this.method, this.#request);
  }

  take(message: Message): WatchMetricsResponse | undefined {
    const { revision, state } = message as StateMessage;
    if (revision < this.#revision) {
      this.#waitForServer(revision);
      return undefined;
    }
    this.#revision = revision;
    this.#behindSince = undefined;
    return this.#heartbeats || state !== undefined ? toPlain(WatchMetricsResponseSchema, message) : undefined;
  }

  #waitForServer(revision: bigint): void {
    const now = performance.now();
    this.#behindSince ??= now;
    if (now - this.#behindSince > BEHIND_MS) {
      throw new OutOfSequenceError("revisions that have gone back and stay there", revision, this.#revision);
    }
  }
}

/** The progress of WatchUpdates: every revision once, in order, without a gap, whole. */
export class UpdateProgress implements Progress<WatchUpdatesResponse> {
  readonly method = RealtimeService.method.watchUpdates;
  readonly #request: UpdateRequest;
  readonly #bookmarks: boolean;
  #token: string;
  #revision: bigint | undefined; // unknown until the first message
  #begun: UpdateMessage | undefined;

  constructor(request: WatchUpdatesRequest, bookmarks: boolean) {
    this.#request = fromPlain(WatchUpdatesRequestSchema, request) as UpdateRequest;
    this.#bookmarks = bookmarks;
    this.#token = this.#request.resumeAfter;
  }

  get resumeToken(): string {
    return this.#token;
  }

  /** Goes on after the last whole revision: one that was cut off comes again. */
  request(): Buffer {
    this.#begun = undefined;
    return encoded(this.method, create(WatchUpdatesRequestSchema, { ...this.#request, resumeAfter: this.#token }));
  }

  take(message: Message): WatchUpdatesResponse | undefined {
    const piece = message as UpdateMessage;
    this.#check(piece);
    let whole = piece;
    if (this.#begun !== undefined) {
      whole = this.#begun;
      whole.changes.push(...piece.changes);
      whole.events.push(...piece.events);
      whole.more = piece.more;
      whole.resumeToken = piece.resumeToken;
    }
    if (whole.more) {
      this.#begun = whole;
      return undefined;
    }
    if (whole.resumeToken === "") {
      throw new OutOfSequenceError("a message without a token", whole.revision, undefined);
    }
    this.#begun = undefined;
    this.#revision = whole.revision;
    this.#token = whole.resumeToken;
    return this.#bookmarks || !whole.bookmark ? toPlain(WatchUpdatesResponseSchema, whole) : undefined;
  }

  #check(piece: UpdateMessage): void {
    let expected: bigint | undefined;
    if (this.#begun !== undefined) {
      expected = piece.bookmark ? -1n : this.#begun.revision;
    } else if (this.#revision !== undefined) {
      expected = piece.bookmark ? this.#revision : this.#revision + 1n;
    }
    if (expected !== undefined && piece.revision !== expected) {
      throw new OutOfSequenceError("a revision that does not follow", piece.revision, expected);
    }
  }
}
