import type { Message } from "@bufbuild/protobuf";
import type { ClientReadableStream, ServiceError } from "@grpc/grpc-js";
import { classify } from "./classify.js";
import { TallywireError, cancelledError } from "./errors.js";
import { onAbort } from "./waiting.js";

/** A stream of the server, read step by step. */
export class MessageStream {
  readonly #call: ClientReadableStream<Message>;
  readonly #closing: AbortSignal;
  readonly #signal: AbortSignal | undefined;
  readonly #arrived: Message[] = [];
  #failure: ServiceError | undefined;
  #end: TallywireError | "ended" | undefined;
  #wake: (() => void) | undefined;

  constructor(call: ClientReadableStream<Message>, closing: AbortSignal, signal: AbortSignal | undefined) {
    this.#call = call;
    this.#closing = closing;
    this.#signal = signal;
    call.on("data", (message: Message) => {
      this.#arrived.push(message);
      call.pause();
      this.#wake?.();
    });
    call.on("error", (failure: ServiceError) => {
      this.#failure = failure; // messages that came before are still to be read
    });
    call.on("end", () => {
      this.#finish(this.#failure === undefined ? "ended" : classify(this.#failure, false));
    });
    onAbort(closing, this.#onClose);
    if (signal !== undefined) {
      onAbort(signal, this.#onAbort);
    }
    if (closing.aborted) {
      this.#onClose();
    }
  }

  /** Returns the next message, or undefined at the end of the stream. Rejects with a TallywireError. */
  async next(): Promise<Message | undefined> {
    for (;;) {
      const message = this.#arrived.shift();
      if (message !== undefined) {
        return message;
      }
      if (this.#end === "ended") {
        return undefined;
      }
      if (this.#end !== undefined) {
        throw this.#end;
      }
      this.#call.resume();
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = undefined;
    }
  }

  /** Ends the call at the server; a step that waits rejects with the error. */
  cancel(error: TallywireError = new TallywireError("CANCELLED", "the stream is closed")): void {
    this.#finish(error);
    this.#arrived.length = 0;
    this.#call.cancel();
  }

  readonly #onClose = (): void => {
    this.cancel(this.#closing.reason as TallywireError);
  };

  readonly #onAbort = (): void => {
    if (this.#signal !== undefined) {
      this.cancel(cancelledError(this.#signal));
    }
  };

  #finish(end: TallywireError | "ended"): void {
    this.#end ??= end;
    this.#closing.removeEventListener("abort", this.#onClose);
    this.#signal?.removeEventListener("abort", this.#onAbort);
    this.#wake?.();
  }
}
