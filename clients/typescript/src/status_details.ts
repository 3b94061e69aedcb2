import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";

/** What the trailers of a failed call say beyond its status; of a `google.rpc.Status` the details that clients know. */
export interface StatusDetails {
  message: string;
  reason: string;
  domain: string;
  metadata: Record<string, string>;
  field: string;
  retryAfterMs: number | undefined;
}

type Take = (number: number, reader: BinaryReader) => boolean;

/** Reads the fields of a message; those that `take` does not want are skipped. */
function each(bytes: Uint8Array, take: Take): void {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [number, wireType] = reader.tag();
    const wanted = wireType === WireType.LengthDelimited || wireType === WireType.Varint;
    if (!wanted || !take(number, reader)) {
      reader.skip(wireType, number);
    }
  }
}

/**
 * Decodes the trailer grpc-status-details-bin. Returns undefined if it cannot be read.
 *
 * The few fields are read by hand: a generated copy of google/rpc would be one more copy in every process that has its own.
 */
export function decodeDetails(bytes: Uint8Array): StatusDetails | undefined {
  const found: StatusDetails = {
    message: "",
    reason: "",
    domain: "",
    metadata: {},
    field: "",
    retryAfterMs: undefined,
  };
  try {
    each(bytes, (number, reader) => {
      if (number === 2) {
        found.message = reader.string();
      } else if (number === 3) {
        decodeAny(reader.bytes(), found);
      } else {
        return false;
      }
      return true;
    });
  } catch {
    return undefined; // written by something that is no server of ours
  }
  found.field ||= found.metadata["field"] ?? "";
  return found;
}

function decodeAny(bytes: Uint8Array, found: StatusDetails): void {
  let type = "";
  let value: Uint8Array = new Uint8Array();
  each(bytes, (number, reader) => {
    if (number === 1) {
      type = reader.string();
    } else if (number === 2) {
      value = reader.bytes();
    } else {
      return false;
    }
    return true;
  });
  switch (type.slice(type.lastIndexOf("/") + 1)) {
    case "google.rpc.ErrorInfo":
      decodeErrorInfo(value, found);
      break;
    case "google.rpc.RetryInfo":
      found.retryAfterMs = decodeRetryInfo(value);
      break;
    case "google.rpc.BadRequest":
      decodeBadRequest(value, found);
      break;
  }
}

function decodeErrorInfo(bytes: Uint8Array, found: StatusDetails): void {
  each(bytes, (number, reader) => {
    if (number === 1) {
      found.reason = reader.string();
    } else if (number === 2) {
      found.domain = reader.string();
    } else if (number === 3) {
      const [key, value] = decodeTexts(reader.bytes());
      found.metadata[key] = value;
    } else {
      return false;
    }
    return true;
  });
}

/** Returns the texts of fields 1 and 2: an entry of a map, or a field violation. */
function decodeTexts(bytes: Uint8Array): [string, string] {
  const texts: [string, string] = ["", ""];
  each(bytes, (number, reader) => {
    if (number !== 1 && number !== 2) {
      return false;
    }
    texts[number - 1] = reader.string();
    return true;
  });
  return texts;
}

function decodeBadRequest(bytes: Uint8Array, found: StatusDetails): void {
  each(bytes, (number, reader) => {
    if (number !== 1) {
      return false;
    }
    const [field] = decodeTexts(reader.bytes());
    found.field ||= field;
    return true;
  });
}

function decodeRetryInfo(bytes: Uint8Array): number {
  let millis = 0;
  each(bytes, (number, reader) => {
    if (number !== 1) {
      return false;
    }
    each(reader.bytes(), (part, inner) => {
      if (part === 1) {
        millis += Number(inner.int64()) * 1_000;
      } else if (part === 2) {
        millis += inner.int32() / 1e6;
      } else {
        return false;
      }
      return true;
    });
    return true;
  });
  return Math.max(0, millis);
}
