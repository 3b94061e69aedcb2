/** Files that come as streams of the service: collected, and held against their checksum before they are given out. */
import { fromBinary } from "../wire";
import type { DescMessage, DescMethodStreaming, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import { CallError } from "./errors";
import { stream } from "./transport";

/** Returns the SHA-256 in hexadecimal digits; undefined where the browser computes none, as without TLS. */
async function sha256(content: Blob): Promise<string | undefined> {
  // Browsers have it in secure contexts alone, whatever the types say.
  const subtle = crypto.subtle as SubtleCrypto | undefined;
  if (subtle === undefined) return undefined;
  const digest = new Uint8Array(await subtle.digest("SHA-256", await content.arrayBuffer()));
  return [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** What a file should be. */
export interface Expected {
  bytes: number;
  sha256: string;
}

/** Puts a file together; a file that is not what it should be is refused. Returns whether its checksum was compared. */
export async function whole(
  parts: readonly Uint8Array[],
  type: string,
  expected: Expected,
): Promise<{ content: Blob; compared: boolean }> {
  const content = new Blob(parts as Uint8Array<ArrayBuffer>[], { type });
  if (content.size !== expected.bytes) throw new CallError("data_loss", "the file was cut");
  const found = await sha256(content);
  if (found !== undefined && found !== expected.sha256)
    throw new CallError("data_loss", "the file does not match its checksum");
  return { content, compared: found !== undefined };
}

/** Makes a call with a stream of answers. */
export async function* messages<I extends DescMessage, O extends DescMessage>(
  method: DescMethodStreaming<I, O>,
  request: MessageInitShape<I>,
  signal: AbortSignal,
): AsyncGenerator<MessageShape<O>> {
  for await (const bytes of stream(method, request, signal)) yield fromBinary(method.output, bytes);
}
