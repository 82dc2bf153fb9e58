// Copies koffi's prebuilt binaries to the path that its bundle uses: dist/build/koffi/PLATFORM/koffi.node.
import { execFileSync } from "node:child_process";
import { cp, readdir, readFile } from "node:fs/promises";

/** Each has a binary for glibc and one for musl. */
const PACKAGES = ["@koromix/koffi-linux-x64", "@koromix/koffi-linux-arm64"];

/**
 * npm installs the package of this machine only, which is enough to run the build here.
 * @param forAll for a package, which needs both; the other one comes from the npm registry, once
 * @throws Error if one can't be had
 */
export async function nativeBinaries(root, forAll) {
  const { version } = JSON.parse(await readFile(`${root}node_modules/koffi/package.json`, "utf8"));
  for (const name of PACKAGES) {
    const folder =
      (await installed(`${root}node_modules/${name}`, version)) ?? (forAll ? await fetched(root, name, version) : null);
    if (folder === null) {
      if (forAll) throw new Error(`${name} ${version} can't be had from the npm registry`);
      continue;
    }
    const platforms = (await readdir(folder, { withFileTypes: true })).filter((entry) => entry.isDirectory());
    for (const { name } of platforms)
      await cp(`${folder}/${name}`, `${root}dist/build/koffi/${name}`, { recursive: true });
  }
}

async function installed(folder, version) {
  const text = await readFile(`${folder}/package.json`, "utf8").catch(() => null);
  return text !== null && JSON.parse(text).version === version ? folder : null;
}

async function fetched(root, name, version) {
  const prefix = `${root}node_modules/.cache/ttsctl`;
  const folder = `${prefix}/node_modules/${name}`;
  if ((await installed(folder, version)) !== null) return folder;
  // As a dependency of koffi: npm refuses to install the package of another machine by its own name.
  const [, os, cpu] = /-(\w+)-(\w+)$/.exec(name);
  const flags = [`--prefix=${prefix}`, `--os=${os}`, `--cpu=${cpu}`, "--ignore-scripts", "--no-audit", "--no-fund"];
  // The registry may not answer at once.
  for (let tries = 0; tries < 2; tries++) {
    try {
      execFileSync("npm", ["install", ...flags, `koffi@${version}`], { stdio: "ignore", timeout: 120_000 });
      return installed(folder, version);
    } catch {}
  }
  return null;
}
