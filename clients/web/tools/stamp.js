// Writes build.json beside the built pages: the SHA-256 of everything that they are built from. `server/web` and a test
// compare it with the tree, so that stale pages are found without Node.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const HERE = fileURLToPath(new URL("..", import.meta.url));
const STATIC = fileURLToPath(new URL("../../../server/web/static/", import.meta.url));
// What is not a part of the pages.
const LEFT_OUT = new Set(["node_modules", "test", "browser", "check", "README.md", "eslint.config.js", ".gitignore"]);

/** Returns the paths of all sources, relative to clients/web, in the order of their bytes. */
function sources(folder = "") {
  const found = [];
  for (const entry of readdirSync(HERE + folder, { withFileTypes: true })) {
    const path = folder + entry.name;
    if (LEFT_OUT.has(path) || entry.name.startsWith(".prettier") || entry.name === ".vite") continue;
    if (entry.isDirectory()) found.push(...sources(`${path}/`));
    else found.push(path);
  }
  return found.sort((a, b) => (Buffer.from(a) < Buffer.from(b) ? -1 : 1));
}

const hash = createHash("sha256");
for (const path of sources()) {
  hash.update(
    `${path}\n${createHash("sha256")
      .update(readFileSync(HERE + path))
      .digest("hex")}\n`,
  );
}
writeFileSync(`${STATIC}build.json`, `${JSON.stringify({ sources_sha256: hash.digest("hex") })}\n`);
