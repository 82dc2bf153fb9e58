// Bundles the sources and the packages that they use into dist/, split so that a command loads only what it needs.
import { execFileSync } from "node:child_process";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { build } from "esbuild";

const root = new URL("..", import.meta.url).pathname;
const { version } = JSON.parse(await readFile(`${root}package.json`, "utf8"));

await rm(`${root}dist`, { recursive: true, force: true });
const { metafile } = await build({
  metafile: true,
  absWorkingDir: root,
  entryPoints: ["src/main.ts"],
  outdir: "dist",
  bundle: true,
  splitting: true,
  platform: "node",
  target: "node20",
  format: "esm",
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: "none",
  define: { TTSCTL_VERSION: JSON.stringify(version) },
  // Packages written for CommonJS ask for Node's modules with require().
  banner: {
    js: 'import { createRequire as __createRequire } from "node:module"; const require = __createRequire(import.meta.url);',
  },
  logLevel: "warning",
});

// What is bundled is distributed, so its licenses go with it.
const folders = new Set(
  Object.keys(metafile.inputs).flatMap((path) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? []),
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
