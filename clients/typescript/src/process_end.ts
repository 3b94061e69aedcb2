/** What sends the events that it holds before a process ends by itself. */
export interface Finishing {
  /** Sends what is left; resolves when that is done, or its time is over. */
  finish(): Promise<void>;
}

const open = new Set<Finishing>();

/** Registers what is to be finished when the process has nothing else to do. */
export function finishAtEnd(one: Finishing): void {
  if (open.size === 0) {
    process.on("beforeExit", onBeforeExit);
  }
  open.add(one);
}

/** Forgets what is closed. */
export function forget(one: Finishing): void {
  open.delete(one);
  if (open.size === 0) {
    process.off("beforeExit", onBeforeExit);
  }
}

function onBeforeExit(): void {
  // Node calls again when what this has begun is done: each finishes once, unless it has got something new.
  for (const one of open) {
    void one.finish();
  }
}
