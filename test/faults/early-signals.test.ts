import { mkdirSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { usePlace } from "../e2e/setup.ts";
import { record } from "../helpers/records.ts";
import { Running } from "../helpers/ttsctl.ts";
import { until } from "../helpers/until.ts";
import { lay } from "./helpers/cases.ts";
import { triedFault } from "./helpers/tally.ts";

const here = usePlace();
const HANGUP = new URL("helpers/early-hangup.cjs", import.meta.url).pathname;
/** How soon a signal ends a run, milliseconds. */
const SOON = 5000;

describe("row H, a SIGHUP before the program listens to it", () => {
  it.each([
    { line: "cleanup --watch", says: /watching/ },
    { line: "serve --port 0", says: /listening/ },
  ])("does not end $line", async ({ line, says }) => {
    await lay(here);
    const run = new Running(line.split(" "), { cwd: here.root.path, env: { NODE_OPTIONS: `--require ${HANGUP}` } });
    try {
      await run.says(says);
      triedFault();
    } finally {
      run.kill("SIGTERM");
    }
    expect((await run.end()).code).toBe(0);
  });
});

describe("row H, a signal before anything was changed", () => {
  it("ends cleanup --orphans --yes while it looks for them, at once", async () => {
    here.root.writeStore([record("a", "t1")]);
    const orphans = Array.from({ length: 2000 }, (_, i) => record(`u${i % 7}`, `o${i}`));
    here.root.writeArtifacts(orphans);
    mkdirSync(here.root.at("output"), { recursive: true });
    const run = new Running(["cleanup", "--orphans", "--yes", "--max-delete", "100%"], { cwd: here.root.path });
    await until(() => run.openFiles().some((path) => path.includes("/output/")));
    expect(await endsSoon(run, "SIGINT")).toContain("no artifact was removed");
    expect(here.root.has("output/u1/o1")).toBe(true);
  });

  async function endsSoon(run: Running, signal: "SIGINT"): Promise<string> {
    const began = performance.now();
    run.kill(signal);
    const { code, stderr } = await run.end();
    triedFault();
    expect(code, stderr).toBe(130);
    expect(performance.now() - began).toBeLessThan(SOON);
    return stderr;
  }
});
