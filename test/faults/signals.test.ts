import { spawnSync } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { usePlace } from "../e2e/setup.ts";
import { cleanEnv } from "../helpers/clean-env.ts";
import { redisProxy, type Verdict } from "../helpers/faults.ts";
import { ago, record } from "../helpers/records.ts";
import { binary, lines, type Run, Running } from "../helpers/ttsctl.ts";
import { until } from "../helpers/until.ts";
import { times } from "./helpers/chance.ts";
import { everything, exactly, sorted } from "./helpers/stores.ts";
import { triedFault } from "./helpers/tally.ts";

const here = usePlace();
const HANGUP = new URL("helpers/early-hangup.cjs", import.meta.url).pathname;
/** How soon a signal ends a run, milliseconds. */
const SOON = 5000;
/** More than a batch. */
const OLD = Array.from({ length: 600 }, (_, i) => record(`user${i % 3}`, `t${i}`));
const YOUNG = [record("young", "y", { updated_at: ago(60) })];

async function lay(): Promise<void> {
  here.root.writeStore([...OLD, ...YOUNG]);
  here.root.writeArtifacts([...OLD, ...YOUNG]);
  expect((await here.run("sync")).code).toBe(0);
}

async function endedBy(run: Running, signals: readonly NodeJS.Signals[]): Promise<Run> {
  const began = performance.now();
  for (const signal of signals) run.kill(signal);
  const ended = await run.end();
  triedFault();
  expect(ended.code, ended.stderr).toBe(130);
  expect(performance.now() - began).toBeLessThan(SOON);
  return ended;
}

describe("row H, SIGINT once, twice, SIGTERM", () => {
  it.each([
    { line: "cleanup --once -o json", signals: ["SIGTERM"] },
    { line: "cleanup --once -o json", signals: ["SIGINT", "SIGINT"] },
    { line: "delete --status done --until 1d --yes -o json", signals: ["SIGINT"] },
  ] as const)("$line after $signals: exits 130, soon, and the next run finishes", async ({ line, signals }) => {
    await lay();
    // A slow removal in Redis lets the signal arrive in the middle.
    let isRemoving = false;
    await using proxy = await redisProxy(here.server.port, async (sent): Promise<Verdict> => {
      if (sent.includes("succeeded")) {
        isRemoving = true;
        await sleep(300);
      }
      return "pass";
    });
    const run = new Running(line.split(" "), { cwd: here.root.path, env: { REDIS_PORT: String(proxy.port) } });
    await until(() => isRemoving);
    const { stdout, stderr } = await endedBy(run, signals);
    const { candidates = OLD.length, unreached = 0 } = JSON.parse(stdout || "{}");
    expect(candidates + unreached, stdout).toBe(OLD.length);
    if (signals.length === 1) {
      const purged = lines(stderr).filter((line) => line.startsWith("[CLEANUP] user=")).length;
      expect(here.root.readStore()).toHaveLength(OLD.length + YOUNG.length - purged);
      const error = { code: "INTERRUPTED", error: expect.stringContaining(`${purged} tasks`) };
      expect([purged > 0, JSON.parse(lines(stderr).at(-1)!)]).toMatchObject([true, error]);
    }
    expect([0, 3]).toContain((await here.run(line)).code);
    expect(sorted(await everything(here))).toEqual(exactly(YOUNG));
  });

  it.each(["mark --all --to error", "delete --all", "cleanup --once"])(
    "a dry run of %s shows no half of a plan",
    async (line) => {
      await lay();
      let isReading = false;
      await using proxy = await redisProxy(here.server.port, async (sent): Promise<Verdict> => {
        isReading ||= sent.includes("eval");
        if (isReading) await sleep(100);
        return "pass";
      });
      const run = new Running([...line.split(" "), "--dry-run", "-o", "json"], {
        cwd: here.root.path,
        env: { REDIS_PORT: String(proxy.port) },
      });
      await until(() => isReading);
      const { stdout, stderr } = await endedBy(run, ["SIGINT"]);
      expect([stdout, JSON.parse(lines(stderr).at(-1)!).error]).toEqual(["", "interrupted: nothing was changed"]);
    },
  );

  it("ends cleanup --orphans --yes while it looks for them, before anything was changed", async () => {
    here.root.writeStore([record("a", "t1")]);
    here.root.writeArtifacts(Array.from({ length: 2000 }, (_, i) => record(`u${i % 7}`, `o${i}`)));
    const run = new Running(["cleanup", "--orphans", "--yes", "--max-delete", "100%"], { cwd: here.root.path });
    await until(() => run.openFiles().some((path) => path.includes("/output/")));
    await endedBy(run, ["SIGINT"]);
    expect(here.root.has("output/u1/o1")).toBe(true);
  });
});

it.each(["SIGKILL", "SIGINT"] as const)(
  "row A, a sync that is stopped in the middle by %s leaves whole tasks, no mark, and the next finishes",
  async (signal) => {
    here.root.writeStore(Array.from({ length: 20_000 }, (_, i) => record(`user${i % 5}`, `t${i}`)));
    const clients = async () => String(await here.server.call("CLIENT", "LIST")).split("\n").length;
    const written = async () => (await here.server.call("ZCARD", "tts:tasks:index")) as number;
    const others = await clients();
    const first = new Running(["sync", "-o", "json"], { cwd: here.root.path });
    await until(async () => (await written()) > 0);
    first.kill(signal);
    expect((await first.end()).code).toBe(signal === "SIGINT" ? 130 : null);
    triedFault();
    // What it had sent before it ended may still be carried out.
    await until(async () => (await clients()) === others);
    const count = await written();
    expect(count).toBeLessThan(20_000);
    expect((await here.server.call("KEYS", "tts:task:*")) as string[]).toHaveLength(count);
    expect(await here.server.call("GET", "tts:ttsctl:synced")).toBeNull();
    const next = await here.run("sync -o json");
    expect(JSON.parse(next.stdout)).toMatchObject({ total: 20_000, written: 20_000 - count, unchanged: count });
  },
);

it.each([
  { line: "cleanup --watch", says: /watching/ },
  { line: "serve --port 0", says: /listening/ },
])("row H, a SIGHUP before the program listens to it does not end $line", async ({ line, says }) => {
  here.root.writeStore(YOUNG);
  const run = new Running(line.split(" "), { cwd: here.root.path, env: { NODE_OPTIONS: `--require ${HANGUP}` } });
  await run.says(says).finally(() => run.kill("SIGTERM"));
  triedFault();
  expect((await run.end()).code).toBe(0);
});

it.each([
  { how: "closed early (| head -1)", command: "$TTSCTL cleanup --once | head -1", code: 0 },
  { how: "that is closed from the start", command: "$TTSCTL cleanup --once >&-", code: null },
  { how: "on a full disk", command: "$TTSCTL cleanup --once > /dev/full", code: 1 },
  { how: "with a reader that stops", command: `$TTSCTL cleanup --once | (sleep ${times(1, 5)}; cat)`, code: 0 },
  { how: "on a full disk, of JSON", command: "$TTSCTL cleanup --once -o json > /dev/full", code: 1 },
])("row H, a stdout $how: the pass does its whole work all the same", async ({ command, code }) => {
  await lay();
  const env = cleanEnv({ TTSCTL: `${process.execPath} ${binary()}` });
  const run = spawnSync("bash", ["-c", `set -o pipefail; ${command}`], {
    cwd: here.root.path,
    env,
    encoding: "utf8",
  });
  triedFault();
  if (code !== null) expect(run.status, run.stderr).toBe(code);
  expect(run.stderr).not.toMatch(/INTERNAL|at .*\.js:\d+/);
  expect(sorted(await everything(here))).toEqual(exactly(YOUNG));
});
