import type { IncomingMessage, ServerResponse } from "node:http";

const PEER_HUNG_UP = 499;
const FAILED = 500;

/** What is known of an exchange over HTTP that has ended. */
export interface EndedExchange {
  readonly path: string;
  readonly method: string;
  readonly statusCode: number;
  readonly latencyMs: number;
  readonly requestBytes: number | undefined;
  readonly responseBytes: number | undefined;
}

/** Calls `ended` once, when a response has ended: whole, by a failure in its middle, or because the peer has hung up. */
export function followExchange(
  request: IncomingMessage,
  response: ServerResponse,
  ended: (exchange: EndedExchange) => void,
): void {
  const begun = performance.now();
  const [path = ""] = ((request as { originalUrl?: string }).originalUrl ?? request.url ?? "").split("?", 1);
  const method = request.method ?? "";
  const requestBytes = countRequest(request);
  const responseBytes = countResponse(response, method);
  const { socket } = request;
  const end = (): void => {
    response.off("finish", end);
    response.off("close", end);
    // A peer that goes ends its side of the connection, or breaks it; a server that fails just destroys it.
    const hasPeerGone = socket.readableEnded || socket.errored !== null;
    ended({
      path,
      method,
      statusCode: response.writableFinished ? response.statusCode : hasPeerGone ? PEER_HUNG_UP : FAILED,
      latencyMs: performance.now() - begun,
      requestBytes: requestBytes(),
      responseBytes: responseBytes(),
    });
  };
  response.on("finish", end);
  response.on("close", end);
}

/** Counts the body as it comes in, without reading it. Unknown if some of it has come before. */
function countRequest(request: IncomingMessage): () => number | undefined {
  if (request.readableLength > 0 || request.readableDidRead) {
    return () => undefined;
  }
  let bytes = 0;
  const push = request.push.bind(request);
  request.push = (chunk: unknown, encoding?: BufferEncoding) => {
    bytes += sizeOf(chunk, encoding);
    return push(chunk, encoding);
  };
  return () => bytes;
}

/** Counts the body as it is written. */
function countResponse(response: ServerResponse, method: string): () => number {
  let bytes = 0;
  const write = response.write.bind(response) as (...given: unknown[]) => boolean;
  const end = response.end.bind(response) as (...given: unknown[]) => ServerResponse;
  const count = (chunk: unknown, encoding: unknown): void => {
    // The answer to HEAD has no body, whatever is written.
    bytes += method === "HEAD" ? 0 : sizeOf(chunk, encoding);
  };
  response.write = (chunk: unknown, ...rest: unknown[]) => {
    count(chunk, rest[0]);
    return write(chunk, ...rest);
  };
  response.end = (...given: unknown[]) => {
    count(given[0], given[1]);
    return end(...given);
  };
  return () => bytes;
}

function sizeOf(chunk: unknown, encoding: unknown): number {
  if (typeof chunk === "string") {
    return Buffer.byteLength(chunk, typeof encoding === "string" ? (encoding as BufferEncoding) : "utf8");
  }
  return chunk instanceof Uint8Array ? chunk.length : 0;
}
