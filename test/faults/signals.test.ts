import { spawn } from "node:child_process";
import { describe, expect, it } from "vitest";
import { usePlace } from "../e2e/setup.ts";
import { cleanEnv } from "../helpers/clean-env.ts";
import { redisProxy, type Verdict } from "../helpers/faults.ts";
import { ago, record } from "../helpers/records.ts";
import { binary, Running } from "../helpers/ttsctl.ts";
import { until } from "../helpers/until.ts";
import { times } from "./helpers/chance.ts";
import { everything, exactly, sorted } from "./helpers/stores.ts";
import { triedFault } from "./helpers/tally.ts";

const here = usePlace();
const OLD = Array.from({ length: 200 }, (_, i) => record(`user${i % 3}`, `t${i}`));
const YOUNG = [record("young", "y", { updated_at: ago(60) })];

async function lay(): Promise<void> {
  here.root.writeStore([...OLD, ...YOUNG]);
  here.root.writeArtifacts([...OLD, ...YOUNG]);
  expect((await here.run("sync")).code).toBe(0);
}

describe("row H, SIGINT once, twice, SIGTERM", () => {
  it.each([
    { line: "cleanup --once -o json", signals: ["SIGINT"] },
    { line: "cleanup --once -o json", signals: ["SIGINT", "SIGINT"] },
    { line: "delete --status done --until 1d --yes -o json", signals: ["SIGTERM", "SIGINT"] },
  ] as const)("$line after $signals: exits 130, soon, and the next run finishes", async ({ line, signals }) => {
    await lay();
    // A slow removal in Redis lets the signal arrive in the middle.
    let removing = false;
    const proxy = await redisProxy(here.server.port, async (sent): Promise<Verdict> => {
      if (sent.includes("succeeded")) {
        removing = true;
        await new Promise((resolve) => setTimeout(resolve, 300));
      }
      return "pass";
    });
    const run = new Running(line.split(" "), { cwd: here.root.path, env: { REDIS_PORT: String(proxy.port) } });
    await until(() => removing);
    const began = performance.now();
    for (const signal of signals) run.kill(signal);
    const { code, stderr } = await run.end();
    expect(code, stderr).toBe(130);
    expect(performance.now() - began).toBeLessThan(5000);
    await proxy.stop();
    const again = await here.run(line);
    triedFault();
    expect([0, 3]).toContain(again.code);
    expect(sorted(await everything(here))).toEqual(exactly(YOUNG));
  });
});

describe("row H, a stdout", () => {
  const shell = (command: string) =>
    new Promise<{ code: number | null; stdout: string; stderr: string }>((resolve) => {
      const env = cleanEnv({ TTSCTL: `${process.execPath} ${binary()}` });
      const child = spawn("bash", ["-c", `set -o pipefail; ${command}`], { cwd: here.root.path, env });
      const got = { stdout: "", stderr: "" };
      for (const name of ["stdout", "stderr"] as const) {
        child[name].on("data", (chunk) => {
          got[name] += chunk;
        });
      }
      child.once("close", (code) => resolve({ code, ...got }));
    });

  it.each([
    { how: "closed early (| head -1)", command: "$TTSCTL cleanup --once | head -1", code: 0 },
    { how: "that is closed from the start", command: "$TTSCTL cleanup --once >&-", code: null },
    { how: "on a full disk", command: "$TTSCTL cleanup --once > /dev/full", code: 1 },
    {
      how: "with a reader that stops",
      command: `$TTSCTL cleanup --once | (sleep ${times(1, 5)}; cat > /dev/null)`,
      code: 0,
    },
    { how: "on a full disk, of JSON", command: "$TTSCTL cleanup --once -o json > /dev/full", code: 1 },
    { how: "on a full disk, and stderr too", command: "$TTSCTL cleanup --once > /dev/full 2>&1", code: 1 },
  ])("$how: the pass does its whole work all the same", async ({ command, code }) => {
    await lay();
    const run = await shell(command);
    triedFault();
    if (code !== null) expect(run.code, run.stderr).toBe(code);
    expect(run.stderr).not.toMatch(/INTERNAL|at .*\.js:\d+/);
    expect(sorted(await everything(here))).toEqual(exactly(YOUNG));
  });
});
