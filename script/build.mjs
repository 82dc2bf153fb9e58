// Bundles the sources, the page and the packages that they use into dist/. One file loads faster than fifty small ones; what a
// command does not need is not run.
import { execFileSync } from "node:child_process";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { build } from "esbuild";
import { buildLibrary } from "./build-library.mjs";
import { buildWeb } from "./build-web.mjs";
import { nativeBinaries } from "./native-binaries.mjs";

/** Packages that no short command uses, each in a separate file: the bundle loads faster without them. */
const APART = ["yaml", "prom-client", "csv-parse", "csv-stringify/sync", "koffi/indirect", "music-metadata"];

const root = new URL("..", import.meta.url).pathname;
const { version, engines } = JSON.parse(await readFile(`${root}package.json`, "utf8"));

await rm(`${root}dist`, { recursive: true, force: true });
const page = await buildWeb(root);
const common = {
  metafile: true,
  absWorkingDir: root,
  bundle: true,
  platform: "node",
  target: engines.node.replace(">=", "node"),
  legalComments: "none",
  logLevel: "warning",
  loader: { ".lua": "text" },
};
const minified = { minifySyntax: true, minifyWhitespace: true };
const withoutApart = {
  alias: {
    ...Object.fromEntries(APART.map((name) => [name, `./packages/${name}.cjs`])),
    "string-width": "./script/string-width.cjs",
  },
  external: ["./packages/*"],
};
const program = await build({
  ...common,
  ...minified,
  ...withoutApart,
  entryPoints: ["src/main.ts"],
  outfile: "dist/main.cjs",
  format: "cjs",
  supported: { "dynamic-import": false },
  define: { TTSCTL_VERSION: JSON.stringify(version), "import.meta.dirname": "__dirname" },
  banner: { js: `"use strict";(function (exports, require, module, __filename, __dirname) {` },
  footer: { js: "})" },
  minifyIdentifiers: true,
  sourcemap: "external", // for stacks
  sourcesContent: false,
});

const apart = await build({
  ...common,
  ...minified,
  entryPoints: APART.map((name) => ({ in: name, out: name })),
  outdir: "dist/packages",
  outExtension: { ".js": ".cjs" },
  format: "cjs",
  define: { "import.meta.dirname": "__dirname", "import.meta.url": "__filename" },
});
nativeBinaries(root, process.argv.includes("--for-package"));

// The library's modules are a subset of these.
const define = { TTSCTL_VERSION: JSON.stringify(version) };
await buildLibrary(root, { ...common, ...withoutApart, define });

execFileSync(process.execPath, ["--random-seed=1", `${root}script/compile.mjs`]);

// Bundled packages are distributed, so their licenses are included.
const folders = new Set(
  [program.metafile, apart.metafile, page]
    .flatMap(({ inputs }) => Object.keys(inputs))
    .flatMap((path) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? []),
);
const licenses = await Promise.all([...folders].sort().map(licenseOf));
await writeFile(`${root}dist/LICENSES.txt`, licenses.join(`\n${"-".repeat(80)}\n\n`));

async function licenseOf(folder) {
  const { name, version, license } = JSON.parse(await readFile(`${root}${folder}/package.json`, "utf8"));
  const file = (await readdir(root + folder)).find((entry) => /^licen[cs]e/i.test(entry));
  if (file === undefined) throw new Error(`${name} ${version} has no text of its license (${license})`);
  const text = await readFile(`${root}${folder}/${file}`, "utf8");
  return `${name} ${version} (${license})\n\n${text}`;
}

// The man page is made by the program itself, of the definitions of its flags.
await mkdir(`${root}man`, { recursive: true });
await writeFile(`${root}man/ttsctl.1`, execFileSync(process.execPath, [`${root}bin/ttsctl`, "__man"]));
