import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { defineConfig } from "vitest/config";

/** `npm run faults` tries some hundreds of faults in one test; in any run a busy machine may need its time. */
const timeout = process.env.TTSCTL_FAULTS === "long" ? 3_600_000 : 180_000;

/** Tests that take long for what they show; `npm run mutants` and `npm run test:fast` leave them out. */
export const SLOW = { name: "slow" };

/** Lua files as texts, as the build loads them. */
const lua = {
  name: "lua",
  transform: (code: string, id: string) => (id.endsWith(".lua") ? `export default ${JSON.stringify(code)}` : null),
};

/** The test files that use a server, openssl or the built package, also through a helper; those that mock a module; and the others. */
const FILES: Record<"fast" | "whole" | "mocked", string[]> = { fast: [], whole: [], mocked: [] };
const helpers = new Map<string, boolean>();
for (const name of readdirSync("test", { recursive: true, encoding: "utf8" })) {
  const path = join("test", name);
  if (path.endsWith(".test.ts")) FILES[isMocked(path) ? "mocked" : needsMore(path) ? "whole" : "fast"].push(path);
}

function needsMore(path: string): boolean {
  const text = readFileSync(path, "utf8");
  if (/"node:(http|net)"|"openssl"|inject\(/.test(text)) return true;
  const imported = text.matchAll(/^(?:import|export) (?!type)[^;]*?"(\.[^"]*\.ts)"/gm);
  return [...imported].some(([, to]) => {
    const helper = join(dirname(path), to!);
    if (!helper.startsWith("test/")) return false;
    if (!helpers.has(helper)) helpers.set(helper, needsMore(helper));
    return helpers.get(helper)!;
  });
}

function isMocked(path: string): boolean {
  return /vi\.(mock|doMock|resetModules)\(/.test(readFileSync(path, "utf8"));
}

/** Files share a process, as loading everything again takes long. */
const common = { testTimeout: timeout, hookTimeout: timeout, tags: [SLOW], pool: "forks" as const, isolate: false };

export default defineConfig({
  test: {
    globalSetup: ["test/helpers/choose-seed.ts"],
    forceRerunTriggers: ["**/package.json", "**/package-lock.json", "**/vitest.config.ts"],
    maxWorkers: 2,
    projects: [
      { plugins: [lua], test: { ...common, name: "fast", include: FILES.fast } },
      { plugins: [lua], test: { ...common, name: "mocked", include: FILES.mocked, isolate: true } },
      {
        plugins: [lua],
        test: {
          ...common,
          name: "whole",
          include: FILES.whole,
          globalSetup: ["test/helpers/build.ts", "test/faults/helpers/summary.ts"],
        },
      },
    ],
  },
});
