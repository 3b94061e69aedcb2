// Puts mistakes into what decides about charts and figures, one at a time, and expects that the unit tests find each.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { createVitest } from "vitest/node";

const SOURCES = fileURLToPath(new URL("../src/", import.meta.url));
const TESTS = ["test/prepare.test.ts", "test/format.test.ts"];

/** Name, file, what stands there, and the mistake in its place. */
const MUTANTS = [
  [
    "an absent figure is 0",
    "charts/prepare.ts",
    'return value !== null && value !== undefined && buckets[i]?.partial !== "before";',
    'return buckets[i] !== undefined && buckets[i]?.partial !== "before";',
  ],
  [
    "what is before the first event is drawn",
    "charts/prepare.ts",
    'value !== undefined && buckets[i]?.partial !== "before";',
    "value !== undefined;",
  ],
  ["a lone figure is not drawn", "charts/prepare.ts", "dots.push(point);", ""],
  [
    "what still runs is solid",
    "charts/prepare.ts",
    'dashes && (buckets[i]?.partial === "running" || buckets[i]?.partial === "cut")',
    'dashes && buckets[i]?.partial === "cut"',
  ],
  [
    "what the period cuts is solid",
    "charts/prepare.ts",
    'dashes && (buckets[i]?.partial === "running" || buckets[i]?.partial === "cut")',
    'dashes && buckets[i]?.partial === "running"',
  ],
  [
    "what still runs has no hollow end",
    "charts/prepare.ts",
    'if (dashes && buckets[i]?.partial === "running") hollow = point;',
    "",
  ],
  [
    "bars that still run are solid",
    "charts/prepare.ts",
    'partial: bucket.partial === "running" || bucket.partial === "cut",',
    "partial: false,",
  ],
  [
    "the earlier period is dashed",
    "charts/prepare.ts",
    "...course(one.earlier, before, at, false),",
    "...course(one.earlier, input.earlierBuckets ?? buckets, at),",
  ],
  [
    "clock changes are those of UTC",
    "charts/prepare.ts",
    "const change = offset(bucket.end, zone) - offset(bucket.start, zone);",
    'const change = offset(bucket.end, "UTC") - offset(bucket.start, "UTC");',
  ],
  [
    "days begin as in UTC",
    "charts/prepare.ts",
    "const local = buckets.map((bucket) => bucket.start + offset(bucket.start, zone));",
    "const local = buckets.map((bucket) => bucket.start);",
  ],
  [
    "buckets are named as in UTC",
    "charts/labels.ts",
    'return instant(bucket.start, zone, { weekday: "short", day: "numeric", month: "short", year: "numeric" });',
    'return instant(bucket.start, "UTC", { weekday: "short", day: "numeric", month: "short", year: "numeric" });',
  ],
  [
    "an hour that occurs twice has no offset",
    "charts/labels.ts",
    '...(occursTwice(bucket, zone) ? { timeZoneName: "shortOffset" } : {}),',
    "",
  ],
  [
    "lines have the colour of their place",
    "charts/prepare.ts",
    "key: one.key, color: one.color, earlier: false, area,",
    "key: one.key, color: input.series.indexOf(one) + 1, earlier: false, area,",
  ],
  [
    "bars have the colour of their place",
    "charts/prepare.ts",
    "color: one.color,\n        x: (centers[i] ?? 0) - width / 2,",
    "color: input.series.indexOf(one) + 1,\n        x: (centers[i] ?? 0) - width / 2,",
  ],
  ["bars do not stand on each other", "charts/prepare.ts", "base += value;", ""],
  [
    "less is better where more is",
    "format.ts",
    'return (change === 1) === (better === "+");',
    'return (change === 1) !== (better === "+");',
  ],
  [
    "what has no direction is good",
    "format.ts",
    'if (better === "" || change === 0) return undefined;',
    "if (change === 0) return undefined;",
  ],
];

let mistake = ["", "", "", ""];
const vitest = await createVitest(
  "test",
  { run: true, watch: false, reporters: [{ onInit: () => undefined }], pool: "threads", maxWorkers: 1 },
  {
    plugins: [
      {
        name: "mistake",
        enforce: "pre",
        transform(code, id) {
          const [, file, right, wrong] = mistake;
          return id.split("?")[0] === SOURCES + file ? { code: code.replace(right, wrong), map: null } : undefined;
        },
      },
    ],
  },
);

/** Tells whether a test fails with a mistake. */
async function isSeen(made) {
  for (const [, file] of [mistake, made]) vitest.invalidateFile(SOURCES + file);
  mistake = made;
  const { testModules } = await vitest.runTestSpecifications(await vitest.globTestSpecifications(TESTS));
  if (testModules.length !== TESTS.length) throw new Error(`${TESTS.length} files of tests should have been run`);
  return testModules.some((module) => !module.ok());
}

if (await isSeen(mistake)) throw new Error("the tests fail without any mistake");
const unseen = [];
for (const one of MUTANTS) {
  const [name, file, right] = one;
  if (!readFileSync(SOURCES + file, "utf8").includes(right)) throw new Error(`${file} has no more: ${right}`);
  if (!(await isSeen(one))) unseen.push(name);
}
await vitest.close();
for (const name of unseen) process.stderr.write(`no test fails although ${name}\n`);
process.stdout.write(
  `${MUTANTS.length - unseen.length} of ${MUTANTS.length} mistakes in charts and figures are found\n`,
);
process.exitCode = unseen.length === 0 ? 0 : 1; // Vitest sets it where tests fail, which they should.
