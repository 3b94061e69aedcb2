import type { DescEnum } from "@bufbuild/protobuf";

/** Returns what all names of an enum begin with. */
export function prefixOf(schema: DescEnum): string {
  return schema.values[0]?.name.replace(/UNSPECIFIED$/, "") ?? "";
}
