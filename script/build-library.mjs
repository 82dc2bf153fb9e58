// Builds what `import` and `require` of the package load: library.mjs and library.cjs, each with its types. They are not
// minified, because an uncaught error prints the source line that threw.
import { readFile, writeFile } from "node:fs/promises";
import { build } from "esbuild";
import { libraryTypes } from "./library-types.mjs";

/** @param options of esbuild, as for the command */
export async function buildLibrary(root, options) {
  const library = "src/library/index.ts";
  await build({ ...options, entryPoints: [library], outfile: "dist/library.cjs", format: "cjs" });
  // The error class and the rest become files of their own: a program that imports only the class doesn't bundle the rest.
  const { metafile } = await build({
    ...options,
    entryPoints: { library, errors: "src/errors.ts", store: "src/library/open-store.ts" },
    outdir: "dist",
    outExtension: { ".js": ".mjs" },
    chunkNames: "library-[hash]",
    format: "esm",
    splitting: true,
  });
  await importBuiltins(root, metafile.outputs);
  const types = await libraryTypes(root);
  for (const name of ["library.d.mts", "library.d.cts"]) await writeFile(`${root}dist/${name}`, types);
}

/**
 * Packages written for CommonJS ask for modules of Node.js with require(), which an ES module doesn't have. The file with
 * esbuild's substitute gets one that has those modules: `createRequire(import.meta.url)` would fail in a bundle.
 */
async function importBuiltins(root, outputs) {
  const required = Object.values(outputs).flatMap(({ imports }) =>
    imports.filter(({ kind }) => kind === "require-call"),
  );
  const names = [...new Set(required.map(({ path }) => path))].sort();
  const lines = names.map((name, i) => `import builtin${i} from ${JSON.stringify(name)};\n`);
  const table = names.map((name, i) => `${JSON.stringify(name)}: builtin${i}`);
  const head = `${lines.join("")}const require = (name) => ({ ${table.join(", ")} })[name];\n`;
  for (const path of Object.keys(outputs)) {
    const text = await readFile(root + path, "utf8");
    if (text.includes("Dynamic require of")) await writeFile(root + path, head + text);
  }
}
