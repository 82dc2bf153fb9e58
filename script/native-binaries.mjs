// Copies koffi's prebuilt binaries to the path that its bundle uses: dist/build/koffi/PLATFORM/koffi.node.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { basename, dirname } from "node:path";

/** Each has a binary for glibc and one for musl. */
const PACKAGES = ["@koromix/koffi-linux-x64", "@koromix/koffi-linux-arm64"];

/**
 * npm installs the package of this machine only, which is enough to run the build here.
 * @param forAll for a package, which needs both
 * @throws Error if one can't be had, or isn't what package-lock.json names
 */
export function nativeBinaries(root, forAll) {
  for (const name of PACKAGES) {
    const folder = forAll ? unpacked(root, name) : `${root}node_modules/${name}`;
    const entries = existsSync(folder) ? readdirSync(folder, { withFileTypes: true }) : [];
    for (const { name: platform } of entries.filter((entry) => entry.isDirectory())) {
      const target = `${root}dist/build/koffi/${platform}/koffi.node`;
      mkdirSync(dirname(target), { recursive: true });
      copyFileSync(`${folder}/${platform}/koffi.node`, target);
      chmodSync(target, 0o644);
    }
  }
}

/** The folder of a package, from its tarball: that comes from the npm registry once, and is kept beside the npm packages. */
function unpacked(root, name) {
  const { packages } = JSON.parse(readFileSync(`${root}package-lock.json`, "utf8"));
  const { version, integrity } = packages[`node_modules/${name}`];
  const cache = `${root}node_modules/.cache/ttsctl`;
  const tarball = `${cache}/${name.slice(1).replace("/", "-")}-${version}.tgz`;
  mkdirSync(cache, { recursive: true });
  // The registry may not answer at once.
  for (let tries = 0; tries < 3 && !existsSync(tarball); tries++) {
    try {
      const flags = ["--pack-destination", cache, "--ignore-scripts", "--loglevel=error"];
      execFileSync("npm", ["pack", `${name}@${version}`, ...flags], { stdio: "ignore", timeout: 120_000 });
    } catch {}
  }
  if (!existsSync(tarball)) throw new Error(`${name} ${version} can't be had from the npm registry`);
  const digest = createHash("sha512").update(readFileSync(tarball)).digest("base64");
  if (`sha512-${digest}` !== integrity)
    throw new Error(`${tarball} isn't what package-lock.json names: remove it, and try again`);
  const folder = `${cache}/${basename(name)}`;
  mkdirSync(folder, { recursive: true });
  execFileSync("tar", ["-xzf", tarball, "-C", folder, "--strip-components=1"]);
  return folder;
}

// Gets them before they are needed: the tests of a release then need no network.
if (process.argv[1] === new URL(import.meta.url).pathname)
  for (const name of PACKAGES) unpacked(new URL("..", import.meta.url).pathname, name);
