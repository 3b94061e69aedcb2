// Notes which files a page needs beside those of all pages, so that the server can name them in the HTML: they come at once,
// not after the scripts that would ask for them.
import { readFileSync } from "node:fs";
import type { Plugin } from "vite";

const PAGE = /path: "([^"]+)"[^}]*import\("\.\/(\w+)"\)/g;

/** The plugin of the build. It writes preloads.json: the files of each path of src/pages/index.ts. */
export function preloads(pages: string): Plugin {
  return {
    name: "tallywire-preloads",
    apply: "build",
    generateBundle(_, bundle) {
      const chunks = Object.values(bundle).filter((one) => one.type === "chunk");
      const withImports = (file: string, found = new Set<string>()): Set<string> => {
        if (!found.has(file)) {
          found.add(file);
          for (const next of chunks.find((one) => one.fileName === file)?.imports ?? []) withImports(next, found);
        }
        return found;
      };
      const app = chunks.find((one) => one.isEntry && one.name === "app");
      const always = withImports(app?.fileName ?? "");
      const found = [...readFileSync(`${pages}index.ts`, "utf8").matchAll(PAGE)].map(([, path = "", module = ""]) => {
        const chunk = chunks.find((one) => one.moduleIds.includes(`${pages}${module}.tsx`));
        if (chunk === undefined) throw new Error(`no file has the page ${path}`);
        return [path, [...withImports(chunk.fileName)].filter((file) => !always.has(file)).sort()] as const;
      });
      if (found.length === 0) throw new Error("src/pages/index.ts names no page");
      const source = `${JSON.stringify(Object.fromEntries(found), null, 1)}\n`;
      this.emitFile({ type: "asset", fileName: "preloads.json", source });
    },
  };
}
