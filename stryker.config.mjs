import { AREA } from "./script/mutants/areas.mjs";

const area = process.env.TTSCTL_MUTANTS ?? "task";

/** Mutation tests of one area of the code; `npm run mutants` goes through all of them (CONTRIBUTING.md). */
export default {
  mutate: AREA.mutate,
  testRunner: "vitest",
  plugins: ["@stryker-mutator/vitest-runner", "./script/mutants/wording.mjs"],
  ignorers: ["wording"],
  vitest: { configFile: "script/mutants/vitest.config.mjs", related: false },
  coverageAnalysis: "perTest",
  // What is computed once, as a module loads. If the mutant cannot be loaded no test runs, and Stryker takes that for survival.
  ignoreStatic: true,
  concurrency: 2,
  timeoutMS: 6_000,
  timeoutFactor: 4,
  thresholds: { high: 95, low: 90, break: 85 },
  reporters: ["clear-text", "json"],
  clearTextReporter: { allowColor: false, logTests: false, reportTests: false },
  jsonReporter: { fileName: `coverage/mutants/${area}.json` },
  incrementalFile: `coverage/mutants/${area}-known.json`,
  tempDirName: `coverage/stryker-${area}`,
  ignorePatterns: ["dist", "output", "Logs", "man", "coverage"],
};
