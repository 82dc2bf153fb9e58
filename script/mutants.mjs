// Mutation tests, an area after the other: node script/mutants.mjs [AREA ...] [-- OPTION OF STRYKER ...]
// The faults of mutants/faults.txt: node script/mutants.mjs faults [WORD ...], those that have each word in their entry.
import { spawnSync } from "node:child_process";
import { AREAS } from "./mutants/areas.mjs";
import { tryFaults } from "./mutants/try-faults.mjs";

const given = process.argv.slice(2);
if (given[0] === "faults") process.exit(tryFaults(given.slice(1)) ? 0 : 1);
const dashes = given.indexOf("--");
const [names, options] = dashes < 0 ? [given, []] : [given.slice(0, dashes), given.slice(dashes + 1)];

for (const area of names.length > 0 ? names : Object.keys(AREAS)) {
  console.log(`\n=== ${area} ===`);
  // A fixed seed makes runs comparable.
  const env = { TTSCTL_SEED: "1", ...process.env, TTSCTL_MUTANTS: area };
  const { status } = spawnSync("npx", ["stryker", "run", ...options], { stdio: "inherit", env });
  if (status !== 0) process.exitCode = 1;
}
