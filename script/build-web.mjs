// Bundles the page of `ttsctl serve` into dist/web/: index.html, and the rest under assets/. The names of the assets change
// with their content, so browsers may cache them for ever.
import { readFile, writeFile } from "node:fs/promises";
import { basename } from "node:path";
import { build } from "esbuild";

/** Bundles `web/` of a folder; returns esbuild's account of what went in. */
export async function buildWeb(root) {
  const common = {
    metafile: true,
    absWorkingDir: root,
    outdir: "dist/web/assets",
    entryNames: "[name]-[hash]",
    loader: { ".svg": "copy" },
    bundle: true,
    platform: "browser",
    target: ["chrome123", "firefox124", "safari17.5"],
    format: "esm",
    minify: true,
    charset: "utf8", // Chinese texts take half the room of their escapes
    legalComments: "none",
    logLevel: "warning",
  };
  const namesIn = ({ outputs }) => Object.keys(outputs).map((path) => [nameOf(path), basename(path)]);
  const { metafile: others } = await build({
    ...common,
    entryPoints: ["web/theme.ts", "web/icon.svg", "web/i18n/zh.ts"],
  });
  const names = new Map(namesIn(others));
  // The second language is loaded when it is chosen. esbuild's own splitting makes a third file, which delays the first.
  const apart = ({ onResolve }) =>
    onResolve({ filter: /\/zh\.ts$/ }, () => ({ path: `./${names.get("zh.js")}`, external: true }));
  const { metafile } = await build({
    ...common,
    entryPoints: ["web/main.tsx"],
    plugins: [{ name: "apart", setup: apart }],
  });
  for (const [name, file] of namesIn(metafile)) names.set(name, file);
  const html = await readFile(`${root}web/index.html`, "utf8");
  await writeFile(
    `${root}dist/web/index.html`,
    html.replace(/\{\{([\w.]+)\}\}/g, (_, name) => `assets/${names.get(name)}`),
  );
  return metafile;
}

/** The name before the hash went into it: `main.js` of `dist/web/assets/main-ABCD1234.js`. */
function nameOf(path) {
  return basename(path).replace(/-[A-Z0-9]{8}(?=\.\w+$)/, "");
}
