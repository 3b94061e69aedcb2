import { setMaxListeners } from "node:events";
import { cancelledError } from "./errors.js";

/** Resolves after so many milliseconds. Rejects with CANCELLED as soon as one of the signals is aborted. */
export function pause(ms: number, signals: readonly (AbortSignal | undefined)[], isRef = true): Promise<void> {
  return new Promise((resolve, reject) => {
    const given = signals.filter((signal) => signal !== undefined);
    const done = (): void => {
      clearTimeout(timer);
      for (const signal of given) {
        signal.removeEventListener("abort", stop);
      }
    };
    const stop = (): void => {
      done();
      const aborted = given.find((signal) => signal.aborted);
      reject(aborted === undefined ? new Error("no signal is aborted") : failureOf(aborted));
    };
    const timer = setTimeout(() => {
      done();
      resolve();
    }, ms);
    if (!isRef) {
      timer.unref();
    }
    for (const signal of given) {
      onAbort(signal, stop);
    }
    if (given.some((signal) => signal.aborted)) {
      stop();
    }
  });
}

/** Returns the error for an aborted signal: the client's own says by its reason that it is closed. */
export function failureOf(signal: AbortSignal): Error {
  const reason: unknown = signal.reason;
  return reason instanceof Error && reason.name === "TallywireError" ? reason : cancelledError(signal);
}

const known = new WeakSet<AbortSignal>();

/** Listens to a signal that many calls may share: that is no leak, of which Node would warn from the eleventh on. */
export function onAbort(signal: AbortSignal, listener: () => void): void {
  if (!known.has(signal)) {
    known.add(signal);
    setMaxListeners(0, signal);
  }
  signal.addEventListener("abort", listener);
}
