// Runs the contract suite and the end-to-end tests on each kind of Redis that ttsctl is to work with, one after the
// other, and prints what came of it. Not part of script/test, which runs the contract suite alone on all of them: it takes
// a while.
//
//     npm run test:deployments                              all kinds
//     npm run test:deployments -- tls cluster               some of them
//     npm run test:deployments -- tls -- test/e2e/get*      any argument of vitest will do after the second --
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const SUITES = ["test/store/contract", "test/e2e"];

const root = new URL("..", import.meta.url).pathname;
/** Their one home is what the tests read. */
const KINDS = readFileSync(join(root, "test/helpers/deployments.ts"), "utf8")
  .match(/const KINDS = \[([^\]]*)\]/)[1]
  .match(/[\w-]+/g);
const [chosen, args] = split(process.argv.slice(2));
const folder = mkdtempSync(join(tmpdir(), "ttsctl-deployments-"));
const rows = chosen.map(run);
rmSync(folder, { recursive: true, force: true });
console.log(`\n${"kind".padEnd(16)}passed  skipped  failed  seconds`);
for (const { kind, passed, skipped, failed, seconds } of rows) {
  console.log([kind.padEnd(14), ...[passed, skipped, failed, seconds].map((n) => `${n}`.padStart(8))].join(""));
}
process.exitCode = rows.every(({ failed, passed }) => failed === 0 && passed > 0) ? 0 : 1;

function split(words) {
  const at = words.indexOf("--");
  const [kinds, rest] = at === -1 ? [words, []] : [words.slice(0, at), words.slice(at + 1)];
  const unknown = kinds.filter((kind) => !KINDS.includes(kind));
  if (unknown.length > 0) throw new Error(`no such kind: ${unknown.join(", ")}; there are ${KINDS.join(", ")}`);
  return [kinds.length > 0 ? kinds : KINDS, rest.length > 0 ? rest : SUITES];
}

function run(kind) {
  console.log(`\n=== ${kind}`);
  const report = join(folder, `${kind}.json`);
  const began = performance.now();
  const vitest = join(root, "node_modules/vitest/vitest.mjs");
  const reporters = ["--reporter=dot", "--reporter=json", `--outputFile.json=${report}`];
  const env = { ...process.env, TTSCTL_DEPLOYMENT: kind };
  spawnSync(process.execPath, [vitest, "run", ...reporters, ...args], { cwd: root, env, stdio: "inherit" });
  return { kind, ...countsIn(report), seconds: Math.round((performance.now() - began) / 1000) };
}

/** A test file that could not even be loaded counts as one that failed. */
function countsIn(report) {
  try {
    const { numPassedTests, numPendingTests, numFailedTests, testResults } = JSON.parse(readFileSync(report, "utf8"));
    const broken = testResults.filter(
      ({ status, assertionResults }) => status === "failed" && assertionResults.length === 0,
    );
    return { passed: numPassedTests, skipped: numPendingTests, failed: numFailedTests + broken.length };
  } catch {
    return { passed: 0, skipped: 0, failed: 1 };
  }
}
