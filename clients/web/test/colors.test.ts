import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

const CSS = readFileSync(new URL("../src/styles/style.css", import.meta.url), "utf8");

function both(name: string): [string, string] {
  const found = new RegExp(`--${name}: light-dark\\((#[0-9a-f]{6}), (#[0-9a-f]{6})\\)`).exec(CSS);
  return [found?.[1] ?? "", found?.[2] ?? ""];
}

type Rgb = [number, number, number];

function linear(hex: string): Rgb {
  return [1, 3, 5].map((at) => {
    const value = parseInt(hex.slice(at, at + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  }) as Rgb;
}

function contrast(a: string, b: string): number {
  const [x, y] = [a, b].map((hex) => {
    const [red, green, blue] = linear(hex);
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05;
  }) as [number, number];
  return Math.max(x, y) / Math.min(x, y);
}

const times = (matrix: readonly Rgb[], [r, g, b]: Rgb): Rgb => matrix.map(([x, y, z]) => x * r + y * g + z * b) as Rgb;

// How colours look to eyes that lack one kind of cones (Machado, Oliveira and Fernandes 2009, full strength).
const SIGHTS: Readonly<Record<string, readonly Rgb[]>> = {
  all: [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ],
  protan: [
    [0.152286, 1.052583, -0.204868],
    [0.114503, 0.786281, 0.099216],
    [-0.003882, -0.048116, 1.051998],
  ],
  deutan: [
    [0.367322, 0.860646, -0.227968],
    [0.280085, 0.672501, 0.047413],
    [-0.01182, 0.04294, 0.968881],
  ],
  tritan: [
    [1.255528, -0.076749, -0.178779],
    [-0.078411, 0.930809, 0.147602],
    [0.004733, 0.691367, 0.3039],
  ],
};

function oklab(rgb: Rgb): Rgb {
  const cones = times(
    [
      [0.4122214708, 0.5363325363, 0.0514459929],
      [0.2119034982, 0.6806995451, 0.1073969566],
      [0.0883024619, 0.2817188376, 0.6299787005],
    ],
    rgb,
  ).map((one) => Math.cbrt(Math.max(0, one))) as Rgb;
  return times(
    [
      [0.2104542553, 0.793617785, -0.0040720468],
      [1.9779984951, -2.428592205, 0.4505937099],
      [0.0259040371, 0.7827717662, -0.808675766],
    ],
    cones,
  );
}

function leastDistance(colors: readonly string[]): number {
  let least = Infinity;
  for (const matrix of Object.values(SIGHTS)) {
    const seen = colors.map((hex) =>
      oklab(times(matrix, linear(hex)).map((one) => Math.min(1, Math.max(0, one))) as Rgb),
    );
    seen.forEach((a, i) => {
      for (const b of seen.slice(i + 1)) least = Math.min(least, Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]));
    });
  }
  return least;
}

describe.each([
  ["light", 0],
  ["dark", 1],
] as const)("colours of the %s theme", (_, theme) => {
  const surface = both("surface")[theme];
  const series = [1, 2, 3, 4, 5, 6].map((n) => both(`c${String(n)}`)[theme]);

  it("can be told apart by every kind of eyes", () => {
    expect(leastDistance(series)).toBeGreaterThan(0.1);
  });

  it("can be seen on their ground", () => {
    for (const color of series) expect(contrast(color, surface)).toBeGreaterThanOrEqual(3);
    for (const name of ["text", "muted", "good", "bad", "accent"])
      expect(contrast(both(name)[theme], surface)).toBeGreaterThanOrEqual(4.5);
    expect(contrast(both("muted")[theme], both("page")[theme])).toBeGreaterThanOrEqual(4.5);
  });
});
