import { AsyncLocalStorage } from "node:async_hooks";

/** An id: a text, or a whole number, which is written as one. */
export type Id = string | number | bigint;

/** Whom the events of a block are about. */
export interface Context {
  /** Who did the work: an AI agent, a bot or a human agent. */
  readonly agentId?: Id | undefined;
  /** Who was served. An e-mail address is replaced by a keyed hash before it is stored. */
  readonly userId?: Id | undefined;
  /** Groups the events of one conversation. Required for events of type `conversation.*`. */
  readonly conversationId?: Id | undefined;
  /** Where the event happened: `web`, `whatsapp`, `phone`. */
  readonly channel?: string | undefined;
  /** The team that the agent worked for. */
  readonly teamId?: Id | undefined;
  /** The campaign that the event belongs to. */
  readonly campaignId?: Id | undefined;
}

const NAMES = ["agentId", "userId", "conversationId", "channel", "teamId", "campaignId"] as const;
const storage = new AsyncLocalStorage<Context>();

/**
 * Says once who the events of a block are about. Events that are made in it, also by what it awaits and starts, take each
 * of these fields that they are not given themselves. Blocks nest, and the inner one's fields win.
 *
 * ```ts
 * await withContext({ conversationId: "c1", agentId: "support-bot" }, async () => {
 *   tracker.track("message.sent", { responseTimeMs: 820 });
 * });
 * ```
 *
 * An event that is built already goes as it is.
 */
export function withContext<T>(context: Context, block: () => T): T {
  const outer = storage.getStore() ?? {};
  const own = Object.fromEntries(NAMES.flatMap((name) => (context[name] === undefined ? [] : [[name, context[name]]])));
  return storage.run({ ...outer, ...own }, block);
}

/** Returns the context of the block that runs. */
export function currentContext(): Context {
  return storage.getStore() ?? {};
}
