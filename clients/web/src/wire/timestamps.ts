/** Messages that protocol buffers bring along, and instants in milliseconds. */
import type { Timestamp } from "@bufbuild/protobuf/wkt";
import { messageDesc } from "./descriptors";

export const TimestampSchema = /*@__PURE__*/ messageDesc("google.protobuf.Timestamp", "1I seconds,2i nanos");
export const DurationSchema = /*@__PURE__*/ messageDesc("google.protobuf.Duration", "1I seconds,2i nanos");
export const FieldMaskSchema = /*@__PURE__*/ messageDesc("google.protobuf.FieldMask", "1s* paths");

/** Returns an instant of the contract in milliseconds since 1970. */
export function timestampMs({ seconds, nanos }: Timestamp): number {
  return Number(seconds) * 1000 + Math.floor(nanos / 1_000_000);
}

/** Returns an instant in milliseconds since 1970 as the contract has it. */
export function timestampFromMs(ms: number): Timestamp {
  const seconds = Math.floor(ms / 1000);
  return {
    $typeName: "google.protobuf.Timestamp",
    seconds: BigInt(seconds),
    nanos: Math.round((ms - seconds * 1000) * 1_000_000),
  };
}
