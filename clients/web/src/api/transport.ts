/** Calls of the service over Connect: binary messages in POST requests, errors as JSON, streams in envelopes. */
import { create, fromBinary, toBinary } from "../wire";
import type {
  DescMessage,
  DescMethodStreaming,
  DescMethodUnary,
  MessageInitShape,
  MessageShape,
} from "@bufbuild/protobuf";
import { CallError, errorFrom } from "./errors";

/** How to reach the service; the embedded panel sets a token. */
export const connection: { token?: string; onSignedOut: () => void } = { onSignedOut: () => undefined };

const END_OF_STREAM = 2;
const HEADER_BYTES = 5;

function url(method: { parent: { typeName: string }; name: string }): string {
  return `/${method.parent.typeName}/${method.name}`;
}

function headers(contentType: string): Record<string, string> {
  const all: Record<string, string> = { "content-type": contentType, "connect-protocol-version": "1" };
  if (connection.token !== undefined) all["authorization"] = `Bearer ${connection.token}`;
  return all;
}

async function post(
  path: string,
  contentType: string,
  body: Uint8Array<ArrayBuffer>,
  timeoutMs: number,
  signal?: AbortSignal,
): Promise<Response> {
  const all = headers(contentType);
  if (timeoutMs > 0) all["connect-timeout-ms"] = String(timeoutMs);
  try {
    return await fetch(path, {
      method: "POST",
      headers: all,
      body,
      signal: signal ?? null,
      credentials: "same-origin",
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new CallError("unavailable", "the server cannot be reached");
  }
}

async function refusal(response: Response): Promise<CallError> {
  const error = errorFrom(await response.text(), response.status, response.headers.get("retry-after"));
  if (error.code === "unauthenticated") connection.onSignedOut();
  return error;
}

/** Makes a unary call. Throws CallError, or the signal's reason. */
export async function call<I extends DescMessage, O extends DescMessage>(
  method: DescMethodUnary<I, O>,
  request: MessageInitShape<I>,
  signal?: AbortSignal,
): Promise<MessageShape<O>> {
  const body = new Uint8Array(toBinary(method.input, create(method.input, request)));
  const response = await post(url(method), "application/proto", body, 30_000, signal);
  if (!response.ok) throw await refusal(response);
  return fromBinary(method.output, new Uint8Array(await response.arrayBuffer()));
}

function envelope(body: Uint8Array): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(HEADER_BYTES + body.length);
  new DataView(whole.buffer).setUint32(1, body.length);
  whole.set(body, HEADER_BYTES);
  return whole;
}

/** Cuts a stream of bytes into envelopes. Throws if it ends within one. */
export async function* envelopes(body: AsyncIterable<Uint8Array>): AsyncGenerator<{ flags: number; data: Uint8Array }> {
  let rest = new Uint8Array(0);
  for await (const chunk of body) {
    const joined = new Uint8Array(rest.length + chunk.length);
    joined.set(rest);
    joined.set(chunk, rest.length);
    rest = joined;
    while (rest.length >= HEADER_BYTES) {
      const size = new DataView(rest.buffer, rest.byteOffset).getUint32(1);
      if (rest.length < HEADER_BYTES + size) break;
      yield { flags: rest[0] ?? 0, data: rest.slice(HEADER_BYTES, HEADER_BYTES + size) };
      rest = rest.slice(HEADER_BYTES + size);
    }
  }
  if (rest.length > 0) throw new CallError("unavailable", "the stream was cut");
}

async function* chunks(body: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  const reader = body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => undefined); // The reason of the break is on its way already.
  }
}

/**
 * Makes a call with a stream of answers, as bytes, so that they can be passed on to other tabs. Throws CallError at a
 * refusal and where the stream ends without the message that ends streams.
 */
export async function* stream<I extends DescMessage, O extends DescMessage>(
  method: DescMethodStreaming<I, O>,
  request: MessageInitShape<I>,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const body = envelope(toBinary(method.input, create(method.input, request)));
  const response = await post(url(method), "application/connect+proto", body, 0, signal);
  if (!response.ok) throw await refusal(response);
  if (response.body === null) throw new CallError("unavailable", "the stream has no body");
  for await (const { flags, data } of envelopes(chunks(response.body))) {
    if ((flags & END_OF_STREAM) === 0) {
      yield data;
      continue;
    }
    const end = JSON.parse(new TextDecoder().decode(data)) as { error?: unknown };
    if (end.error === undefined) return;
    const error = errorFrom(JSON.stringify(end.error), 200, null);
    if (error.code === "unauthenticated") connection.onSignedOut();
    throw error;
  }
  throw new CallError("unavailable", "the stream was cut");
}
