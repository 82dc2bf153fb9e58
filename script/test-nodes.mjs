// Runs the end-to-end tests on each version of Node.js that is supported, and the demo on the oldest, which vitest doesn't
// know. The binaries are the npm packages of the
// `node` project, kept in node_modules/.cache. Not part of script/test: it takes minutes.
//
//     npm run test:nodes                     all of test/e2e and test/package
//     npm run test:nodes -- test/e2e/get*    any argument of vitest will do
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { delimiter, join } from "node:path";

const { engines } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
const OLDEST = `${engines.node.replace(">=", "")}.0`;
const VERSIONS = [OLDEST, "20.20.2", "22.23.3", "24.21.0"];

const root = new URL("..", import.meta.url).pathname;
const args = process.argv.length > 2 ? process.argv.slice(2) : ["test/e2e", "test/package"];
const failed = [];
for (const version of VERSIONS) {
  const bin = binFolder(version);
  const PATH = `${bin}${delimiter}${process.env.PATH}`;
  const found = spawnSync("node", ["--version"], { env: { ...process.env, PATH }, encoding: "utf8" }).stdout?.trim();
  if (found !== `v${version}`) throw new Error(`node in ${bin} is ${found}, not v${version}`);
  console.log(`\n=== Node.js ${version}`);
  const vitest = [join(root, "node_modules/vitest/vitest.mjs"), "run", ...args];
  const [command, ...words] = version === OLDEST ? [join(root, "script/demo")] : ["node", ...vitest];
  const { status } = spawnSync(command, words, {
    cwd: root,
    env: { ...process.env, PATH },
    stdio: "inherit",
  });
  if (status !== 0) failed.push(version);
}
console.log(
  failed.length === 0 ? `\nall passed on Node.js ${VERSIONS.join(", ")}` : `\nfailed on Node.js ${failed.join(", ")}`,
);
process.exitCode = failed.length === 0 ? 0 : 1;

/** The directory of a version's binary, which is fetched if needed. */
function binFolder(version) {
  const name = `node-${process.platform}-${process.arch}`;
  const folder = join(root, "node_modules/.cache/nodes", version);
  const bin = join(folder, "node_modules", name, "bin");
  if (existsSync(join(bin, "node"))) return bin;
  mkdirSync(folder, { recursive: true });
  const flags = ["--no-save", "--no-audit", "--no-fund", "--loglevel=error"];
  const installed = spawnSync("npm", ["install", "--prefix", folder, ...flags, `${name}@${version}`], {
    stdio: "inherit",
  });
  if (installed.status !== 0) throw new Error(`${name}@${version} could not be installed`);
  return bin;
}
