import { defineConfig } from "vitest/config";

/** `npm run faults` tries some hundreds of faults in one test; in any run a busy machine may need its time. */
const timeout = process.env.TTSCTL_FAULTS === "long" ? 3_600_000 : 180_000;

/** Tests that take long for what they show; `npm run mutants` leaves them out, for it runs the others thousands of times. */
export const SLOW = { name: "slow" };

/** Lua files as texts, as the build loads them. */
const lua = {
  name: "lua",
  transform: (code: string, id: string) => (id.endsWith(".lua") ? `export default ${JSON.stringify(code)}` : null),
};

export default defineConfig({
  plugins: [lua],
  test: {
    include: ["test/**/*.test.ts"],
    globalSetup: ["test/helpers/choose-seed.ts", "test/helpers/build.ts", "test/faults/helpers/summary.ts"],
    setupFiles: ["test/helpers/deployment-skips.ts"],
    testTimeout: timeout,
    hookTimeout: timeout,
    tags: [SLOW],
    pool: "forks",
    maxWorkers: 2,
  },
});
