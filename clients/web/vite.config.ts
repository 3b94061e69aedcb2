import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { contract } from "./tools/contract.ts";
import { preloads } from "./tools/preloads.ts";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

// The pages' server, for `npm run dev`.
const SERVER = "http://127.0.0.1:8080";

export default defineConfig({
  base: "./",
  plugins: [contract(here("src/wire")), preloads(here("src/pages/"))],
  resolve: {
    alias: { "@contract": here("../typescript/src/gen/tallywire/v1") },
  },
  build: {
    outDir: here("../../server/web/static"),
    emptyOutDir: true,
    target: ["chrome125", "firefox126", "safari17.5"],
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    cssCodeSplit: false,
    reportCompressedSize: false,
    rolldownOptions: {
      input: { app: here("index.html"), embed: here("embed.html") },
      output: {
        // Each answer has 700 bytes in front of it: what nearly every page needs is in a few files.
        codeSplitting: {
          includeDependenciesRecursively: false,
          groups: [
            { name: "basics", test: /src\/(components\/(announce|basics|Later|Select)|api\/question)\.tsx?$/ },
            { name: "charts", test: /src\/charts\/(Chart|draw|labels|pointing|prepare|scale)\.tsx?$/ },
            {
              name: "common",
              test: /src\/(pages\/(common|courses|TileMaker|tilesOfPages)|components\/Card|charts\/Spark)\.tsx?$/,
            },
          ],
        },
        // Stable names, so that a change is a diff and not a rename. The server puts the hash into the folder.
        entryFileNames: "assets/[name].js",
        chunkFileNames: "assets/[name].js",
        assetFileNames: "assets/[name][extname]",
      },
    },
  },
  server: {
    proxy: { "/tallywire.v1": SERVER, "/session": SERVER, "/auth": SERVER },
  },
  test: { include: ["test/**/*.test.{ts,tsx}"], environment: "node", testTimeout: 60_000 },
});
