/**
 * Protocol buffers for these pages: what they need of the library whose types they use, in a tenth of its size, and
 * without descriptors to be worked through before the first paint. test/wire.test.ts holds every message of the contract
 * against that library.
 */
import type * as library from "@bufbuild/protobuf";
import * as json from "./json";
import * as messages from "./messages";

export const create = messages.create as unknown as typeof library.create;
export const clone = messages.clone as unknown as typeof library.clone;
export const fromBinary = messages.fromBinary as unknown as typeof library.fromBinary;
export const toBinary = messages.toBinary as unknown as (
  ...given: Parameters<typeof library.toBinary>
) => Uint8Array<ArrayBuffer>;
export const toJson = json.toJson as unknown as typeof library.toJson;
export const toJsonString = json.toJsonString as unknown as typeof library.toJsonString;
/** Fields that this build does not know are always left out. */
export const fromJsonString = json.fromJsonString as unknown as typeof library.fromJsonString;
