import { isIP } from "node:net";
import * as grpc from "@grpc/grpc-js";
import { ArgumentError } from "./errors.js";
import { VERSION } from "./version.js";

/** How to reach the service. Certificates are PEM. */
export interface ConnectionOptions {
  /** The key of the organization. It goes with each call, and is never printed. */
  readonly apiKey: string;
  /** The authorities to trust in place of those of Node. */
  readonly rootCertificates?: string | Uint8Array | undefined;
  /** The client's own certificate, for mutual TLS; with `privateKey`. */
  readonly certificateChain?: string | Uint8Array | undefined;
  /** The key of the client's own certificate. */
  readonly privateKey?: string | Uint8Array | undefined;
  /**
   * Asks for plaintext everywhere. Without it, and without certificates, connections to loopback addresses and unix
   * sockets are plaintext, and all others TLS.
   */
  readonly insecure?: boolean | undefined;
  /** How many connections to open, which calls use in turn: processes of a server share a port by connections. Default 1. */
  readonly connections?: number | undefined;
}

/** Everything that is needed to open channels, checked. */
export interface Connection {
  readonly addresses: readonly string[];
  readonly connections: number;
  readonly credentials: grpc.ChannelCredentials;
  readonly channelOptions: grpc.ClientOptions;
  readonly metadata: grpc.Metadata;
}

/** Checks the arguments of a client. Throws ArgumentError for those that contradict each other. */
export function connection(addresses: string | readonly string[], options: ConnectionOptions): Connection {
  const all = typeof addresses === "string" ? [addresses] : [...addresses];
  if (all.length === 0 || all.some((address) => typeof address !== "string" || !/^\S+$/.test(address))) {
    throw new ArgumentError("addresses", "are host:port each, for example 127.0.0.1:50051");
  }
  if (typeof options.apiKey !== "string" || !/^[!-~]+$/.test(options.apiKey)) {
    // The key itself stays out of the message, which may be logged.
    throw new ArgumentError("apiKey", "is empty or holds a character that is not visible ASCII, such as a line break");
  }
  const connections = options.connections ?? 1;
  if (!Number.isInteger(connections) || connections < 1 || connections > 100) {
    throw new ArgumentError("connections", `is from 1 to 100, not ${String(connections)}`);
  }
  const credentials = channelCredentials(all, options);
  const isPlaintext = !credentials._isSecure();
  const metadata = new grpc.Metadata();
  metadata.set("authorization", `Bearer ${options.apiKey}`);
  return { addresses: all, connections, credentials, channelOptions: channelOptions(isPlaintext), metadata };
}

function channelCredentials(addresses: readonly string[], options: ConnectionOptions): grpc.ChannelCredentials {
  const { rootCertificates, certificateChain, privateKey, insecure = false } = options;
  if ((certificateChain === undefined) !== (privateKey === undefined)) {
    throw new ArgumentError("certificateChain", "and privateKey go together");
  }
  const wantsTls = rootCertificates !== undefined || certificateChain !== undefined;
  if (insecure && wantsTls) {
    throw new ArgumentError("insecure", "contradicts the certificates");
  }
  if (!wantsTls && (insecure || addresses.every(isLocal))) {
    return grpc.credentials.createInsecure();
  }
  try {
    return grpc.credentials.createSsl(pem(rootCertificates), pem(privateKey), pem(certificateChain));
  } catch {
    // The cause may quote the private key.
    throw new ArgumentError("certificates", "cannot be read: pass PEM");
  }
}

function pem(value: string | Uint8Array | undefined): Buffer | null {
  return value === undefined ? null : Buffer.from(value);
}

function channelOptions(isPlaintext: boolean): grpc.ClientOptions {
  return {
    "grpc.primary_user_agent": `tallywire-typescript/${VERSION}`,
    // The defaults would wait up to two minutes before they notice that a server is back.
    "grpc.initial_reconnect_backoff_ms": 200,
    "grpc.max_reconnect_backoff_ms": 5_000,
    "grpc.max_receive_message_length": 16 * 1024 * 1024,
    "grpc.keepalive_time_ms": 10_000,
    "grpc.keepalive_timeout_ms": 10_000,
    "grpc.keepalive_permit_without_calls": 0,
    // Retries are the client's own: gRPC would send the same bytes again, with a time of sending that has passed.
    "grpc.enable_retries": 0,
    "grpc.service_config_disable_resolution": 1,
    // Nobody looks at these statistics, and each call pays for them.
    "grpc.enable_channelz": 0,
    // A pool of its own, so that several connections are several.
    "grpc.use_local_subchannel_pool": 1,
    // A proxy would see the key.
    ...(isPlaintext ? { "grpc.enable_http_proxy": 0 } : {}),
  };
}

/** Tells whether a target can only lead to this machine: loopback addresses, localhost, unix sockets. */
export function isLocal(target: string): boolean {
  const [, scheme = "", rest = ""] = /^(unix|unix-abstract|dns|ipv4|ipv6):(.*)$/.exec(target) ?? [];
  if (scheme.startsWith("unix")) {
    return true;
  }
  if (scheme === "") {
    return isLoopback(target);
  }
  // A name server of its own (dns://server/name) may answer anything, also for localhost.
  if (rest.startsWith("//") && !rest.startsWith("///")) {
    return false;
  }
  return rest.replace(/^\/+/, "").split(",").every(isLoopback);
}

function isLoopback(address: string): boolean {
  const bracketed = /^\[([^\]]*)\]/.exec(address)?.[1];
  const host = bracketed ?? (isIP(address) === 6 ? address : address.replace(/:[^:]*$/, ""));
  if (host.toLowerCase() === "localhost") {
    return true;
  }
  return isIP(host) === 4 ? host.startsWith("127.") : isIP(host) === 6 && isLoopback6(host);
}

function isLoopback6(host: string): boolean {
  // The URL parser writes an address in its canonical form.
  return new URL(`http://[${host}]`).hostname === "[::1]";
}
