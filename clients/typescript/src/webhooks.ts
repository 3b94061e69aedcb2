/**
 * Make sure that what a webhook gets is from tallywire, is new, and was not changed on its way.
 *
 * Signatures are those of [Standard Webhooks](https://www.standardwebhooks.com). This module needs nothing but WebCrypto:
 * it runs in Node, Deno, Bun, Cloudflare Workers and other edge runtimes.
 *
 * @module
 */

/** Seconds that a message may be old, or ahead of this machine's clock, unless `toleranceSeconds` says otherwise. */
export const TOLERANCE_SECONDS = 300;

const PREFIX = "whsec_";
const VERSION = "v1";
const BASE64 = /^[A-Za-z0-9+/]+$/;
const INSTANT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$/i;

/** What a webhook was told. */
export interface WebhookEvent {
  /**
   * The header `webhook-id`. Keep it for two days, and drop a message whose id you have had: after the death of a worker
   * of the service a message can come twice.
   */
  readonly messageId: string;
  /** The type of the message, such as `"report.finished"`. */
  readonly type: string;
  /** When the message was made. */
  readonly timestamp: Date;
  /** The content, which depends on the type. */
  readonly data: Readonly<Record<string, unknown>>;
}

/**
 * What is wrong with a message, or, `BAD_SECRET`, with the receiver's settings:
 *
 * - `MISSING_HEADER`: `webhook-id`, `webhook-timestamp` or `webhook-signature` is missing or empty.
 * - `BAD_TIMESTAMP`: `webhook-timestamp` is no number of seconds.
 * - `TOO_OLD`: the message was sent longer ago than the tolerance; somebody may be sending it again.
 * - `TOO_NEW`: the message is dated further ahead than the tolerance; one of the two clocks is wrong.
 * - `NO_MATCH`: no signature is by one of the secrets; the body was changed, or the secret is another one.
 * - `BAD_BODY`: the signature is right and the body is no message of tallywire.
 * - `BAD_SECRET`: a secret is none; it begins with `whsec_` and goes on in base64.
 */
export type WebhookProblem =
  "MISSING_HEADER" | "BAD_TIMESTAMP" | "TOO_OLD" | "TOO_NEW" | "NO_MATCH" | "BAD_BODY" | "BAD_SECRET";

/** A message cannot be believed: `code` says why. Answer 400, and 500 for `BAD_SECRET`. */
export class WebhookError extends Error {
  /** What is wrong. */
  readonly code: WebhookProblem;

  /** @internal */
  constructor(code: WebhookProblem, text: string) {
    super(text);
    this.name = "WebhookError";
    this.code = code;
  }
}

/** Headers of a request, such as `Headers` of fetch or `request.headers` of Node, Express and Fastify. */
export type WebhookHeaders =
  { get(name: string): string | null | undefined } | Readonly<Record<string, string | readonly string[] | undefined>>;

/** Options of {@link verifyWebhook}. */
export interface WebhookOptions {
  /** Seconds that a message may be old, or ahead of this machine's clock; 300 unless given. */
  readonly toleranceSeconds?: number | undefined;
  /** The time in milliseconds, for tests; `Date.now` unless given. */
  readonly now?: (() => number) | undefined;
}

/**
 * Returns what a webhook was told; rejects with a {@link WebhookError} unless it can be believed.
 *
 * ```ts
 * export default {
 *   async fetch(request: Request, env: Env): Promise<Response> {
 *     const event = await verifyWebhook(env.WEBHOOK_SECRET, request.headers, await request.arrayBuffer());
 *     …
 * ```
 *
 * @param secret - What `createDestination` or `rotateSecret` has shown, or several of them, of which any may have signed.
 * @param headers - The headers of the request, in any case.
 * @param body - What came, byte by byte: a parsed and printed copy has another signature.
 * @param options - Tolerance and clock.
 */
export async function verifyWebhook(
  secret: string | readonly string[],
  headers: WebhookHeaders,
  body: string | Uint8Array | ArrayBuffer,
  options: WebhookOptions = {},
): Promise<WebhookEvent> {
  const keys = decodeSecrets(typeof secret === "string" ? [secret] : secret);
  const messageId = present(headers, "webhook-id");
  const timestamp = present(headers, "webhook-timestamp");
  const signatures = present(headers, "webhook-signature");
  checkTime(timestamp, options);
  const content = typeof body === "string" ? new TextEncoder().encode(body) : new Uint8Array(body);
  const signed = joined(new TextEncoder().encode(`${messageId}.${timestamp}.`), content);
  if (!(await isSigned(signed, signatures, keys))) {
    throw new WebhookError(
      "NO_MATCH",
      "no signature is by the secret: the body was changed, or the secret is another one",
    );
  }
  return parse(messageId, content);
}

function decodeSecrets(secrets: readonly string[]): readonly Uint8Array<ArrayBuffer>[] {
  if (secrets.length === 0) {
    throw new WebhookError("BAD_SECRET", "no secret is given, so nothing can be believed");
  }
  return secrets.map((secret) => {
    const trimmed = secret.trim();
    const text = (trimmed.startsWith(PREFIX) ? trimmed.slice(PREFIX.length) : trimmed).replace(/={1,2}$/, "");
    if (!BASE64.test(text) || text.length % 4 === 1) {
      throw new WebhookError("BAD_SECRET", "the secret is none: it begins with whsec_, and goes on in base64");
    }
    return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  });
}

function present(headers: WebhookHeaders, name: string): string {
  const value = typeof headers.get === "function" ? (headers.get(name) ?? "") : found(headers, name);
  if (value === "") {
    throw new WebhookError("MISSING_HEADER", `the header ${name} is missing`);
  }
  return value;
}

function found(headers: WebhookHeaders, wanted: string): string {
  for (const [name, value] of Object.entries(headers) as [string, string | readonly string[] | undefined][]) {
    if (name.toLowerCase() === wanted) {
      return typeof value === "string" ? value : (value?.[0] ?? "");
    }
  }
  return "";
}

function checkTime(timestamp: string, options: WebhookOptions): void {
  if (!/^[0-9]{1,14}$/.test(timestamp)) {
    throw new WebhookError("BAD_TIMESTAMP", "webhook-timestamp is no number of seconds");
  }
  const tolerance = options.toleranceSeconds ?? TOLERANCE_SECONDS;
  const age = (options.now ?? Date.now)() / 1_000 - Number(timestamp);
  if (age > tolerance) {
    throw new WebhookError("TOO_OLD", `the message was sent more than ${String(tolerance)} s ago`);
  }
  if (-age > tolerance) {
    const text = `the message is dated more than ${String(tolerance)} s ahead: one of the two clocks is wrong`;
    throw new WebhookError("TOO_NEW", text);
  }
}

/** Tells whether one of the signatures is by one of the keys; each is compared in the same time. */
async function isSigned(
  signed: Uint8Array<ArrayBuffer>,
  signatures: string,
  keys: readonly Uint8Array<ArrayBuffer>[],
): Promise<boolean> {
  const values = signatures
    .split(/\s+/)
    .filter((one) => one.startsWith(`${VERSION},`))
    .map((one) => one.slice(VERSION.length + 1));
  for (const bytes of keys) {
    const key = await crypto.subtle.importKey("raw", bytes, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
    const digest = new Uint8Array(await crypto.subtle.sign("HMAC", key, signed));
    const expected = btoa(String.fromCharCode(...digest));
    if (values.some((value) => isEqual(expected, value))) {
      return true;
    }
  }
  return false;
}

/** Compares texts in a time that depends on their lengths alone. */
function isEqual(one: string, other: string): boolean {
  if (one.length !== other.length) {
    return false;
  }
  let difference = 0;
  for (let place = 0; place < one.length; place++) {
    difference |= one.charCodeAt(place) ^ other.charCodeAt(place);
  }
  return difference === 0;
}

function joined(head: Uint8Array, body: Uint8Array): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(head.length + body.length);
  whole.set(head);
  whole.set(body, head.length);
  return whole;
}

function parse(messageId: string, content: Uint8Array): WebhookEvent {
  let told: unknown;
  try {
    told = JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(content));
  } catch {
    throw new WebhookError("BAD_BODY", "the body is signed and no JSON");
  }
  const { type, timestamp, data } = isObject(told) ? told : {};
  const isInstant = typeof timestamp === "string" && INSTANT.test(timestamp);
  const at = isInstant ? new Date(timestamp.toUpperCase()) : new Date(NaN);
  if (typeof type !== "string" || Number.isNaN(at.getTime()) || !isObject(data)) {
    throw new WebhookError("BAD_BODY", "the body is signed and has no type, timestamp and data");
  }
  return { messageId, type, timestamp: at, data };
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
