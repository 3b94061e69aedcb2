/** A waiting place: called with true when a slot is granted. */
type Grant = () => void;

/** A number of slots, given in the order in which callers came. */
export class Slots {
  #free: number;
  readonly #waiting = new Set<Grant>();

  constructor(most: number) {
    this.#free = most;
  }

  /** Takes a slot if one is free. */
  tryTake(): boolean {
    if (this.#free === 0) {
      return false;
    }
    this.#free -= 1;
    return true;
  }

  /** Calls `granted` once a slot is the caller's. Returns a function that stops waiting. */
  wait(granted: Grant): () => void {
    this.#waiting.add(granted);
    return () => {
      this.#waiting.delete(granted);
    };
  }

  /** Gives a slot back, to the first that waits. */
  release(): void {
    for (const granted of this.#waiting) {
      this.#waiting.delete(granted);
      granted();
      return;
    }
    this.#free += 1;
  }
}
