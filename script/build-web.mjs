// Bundles the page of `ttsctl serve` into dist/web/: index.html, and the rest under assets/. The names of the assets change
// with their content, so browsers may cache them for ever.
import { readFile, writeFile } from "node:fs/promises";
import { basename } from "node:path";
import { build } from "esbuild";

/** Bundles `web/` of a folder; returns esbuild's account of what went in. */
export async function buildWeb(root) {
  const { metafile } = await build({
    metafile: true,
    absWorkingDir: root,
    entryPoints: ["web/main.tsx", "web/theme.ts", "web/icon.svg"],
    outdir: "dist/web",
    entryNames: "assets/[name]-[hash]",
    loader: { ".svg": "copy" },
    bundle: true,
    platform: "browser",
    target: ["chrome123", "firefox124", "safari17.5"],
    format: "esm",
    minify: true,
    charset: "utf8", // Chinese texts take half the room of their escapes
    legalComments: "none",
    logLevel: "warning",
  });
  const names = new Map(Object.keys(metafile.outputs).map((path) => [nameOf(path), `assets/${basename(path)}`]));
  const html = await readFile(`${root}web/index.html`, "utf8");
  await writeFile(
    `${root}dist/web/index.html`,
    html.replace(/\{\{([\w.]+)\}\}/g, (_, name) => names.get(name)),
  );
  return metafile;
}

/** The name before the hash went into it: `main.js` of `dist/web/assets/main-ABCD1234.js`. */
function nameOf(path) {
  return basename(path).replace(/-[A-Z0-9]{8}(?=\.\w+$)/, "");
}
