// Bundles the sources, the page and the packages that they use into dist/. One file loads faster than fifty small ones; what a
// command does not need is not run.
import { execFileSync } from "node:child_process";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { build } from "esbuild";
import { buildWeb } from "./build-web.mjs";

const root = new URL("..", import.meta.url).pathname;
const { version } = JSON.parse(await readFile(`${root}package.json`, "utf8"));

await rm(`${root}dist`, { recursive: true, force: true });
const page = await buildWeb(root);
const program = await build({
  metafile: true,
  absWorkingDir: root,
  entryPoints: ["src/main.ts"],
  outfile: "dist/main.cjs",
  bundle: true,
  platform: "node",
  target: "node20",
  format: "cjs",
  supported: { "dynamic-import": false },
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: "none",
  define: { TTSCTL_VERSION: JSON.stringify(version), "import.meta.url": "__bundleUrl" },
  banner: { js: 'const __bundleUrl = require("node:url").pathToFileURL(__filename).href;' },
  logLevel: "warning",
});

execFileSync(process.execPath, [`${root}script/compile.mjs`]);

// What is bundled is distributed, so its licenses go with it.
const folders = new Set(
  [program.metafile, page]
    .flatMap(({ inputs }) => Object.keys(inputs))
    .flatMap((path) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? []),
);
const licenses = await Promise.all([...folders].sort().map(licenseOf));
await writeFile(`${root}dist/LICENSES.txt`, licenses.join(`\n${"-".repeat(80)}\n\n`));

async function licenseOf(folder) {
  const { name, version, license } = JSON.parse(await readFile(`${root}${folder}/package.json`, "utf8"));
  const file = (await readdir(root + folder)).find((entry) => /^licen[cs]e/i.test(entry));
  const text = file === undefined ? "" : await readFile(`${root}${folder}/${file}`, "utf8");
  return `${name} ${version} (${license})\n\n${text}`;
}

// The man page is made by the program itself, of the definitions of its flags.
await mkdir(`${root}man`, { recursive: true });
await writeFile(`${root}man/ttsctl.1`, execFileSync(process.execPath, [`${root}bin/ttsctl`, "__man"]));
