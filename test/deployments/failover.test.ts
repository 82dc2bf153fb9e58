import { afterAll, afterEach, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { BATCH } from "../../src/store/redis/copies.ts";
import { first, LONG } from "../helpers/long.ts";
import { ago, record } from "../helpers/records.ts";
import { ServiceRoot } from "../helpers/root.ts";
import { SentinelSite } from "../helpers/sentinels.ts";
import { lines, Running, ttsctl } from "../helpers/ttsctl.ts";
import { until } from "../helpers/until.ts";
import { Served } from "../http/setup.ts";

/** So many that a sync, or a pass, is still at work when its primary goes. */
const TASKS = 20_000;
const MANY = LONG ? 100_000 : 20_000;

let site: SentinelSite | undefined;
let root: ServiceRoot;
afterAll(() => site?.remove());
beforeEach(async () => {
  site ??= await SentinelSite.start();
  await (await site.primary()).call("FLUSHALL");
  await site.isWhole();
  root = new ServiceRoot();
  root.write("config.ini", `[redis]\n${site.settings}timeout = 3s\n[service]\ntimezone = UTC\n`);
});
afterEach(async () => {
  root.remove();
  if (!LONG) return;
  await site!.remove(); // after a kill, Sentinels wait before they act again
  site = undefined;
});

const run = (line: string) => ttsctl(line.split(" "), { cwd: root.path });
const tasks = (count: number, updated_at: string) =>
  Array.from({ length: count }, (_, i) => record(`user${i % 7}`, `t${i}`, { updated_at }));
const members = async () => (await (await site!.primary()).call("ZCARD", "tts:tasks:index")) as number;

function start(...args: string[]): Running {
  const running = new Running(args, { cwd: root.path });
  onTestFinished(() => running.stop());
  return running;
}

/** The ways in which a primary is lost, while a command is in the midst of its work. */
const LOSSES = [
  { loss: "made a replica", lose: () => site!.failover() },
  {
    loss: "killed with -9",
    lose: async () => {
      const { port } = await site!.killPrimary();
      await site!.hasLeft(port);
    },
  },
];

/** Stops the process between two commands to Redis, so it is surely unfinished when its primary is lost. */
async function loseUnder(running: Running, isMidway: () => Promise<boolean>, lose: () => Promise<void>): Promise<void> {
  await until(isMidway);
  running.kill("SIGSTOP");
  await lose();
  running.kill("SIGCONT");
}

describe.each(first(1, LOSSES))("with a primary that is $loss", { tags: ["slow"] }, ({ lose }) => {
  it("a sync ends with 4 and says so; run again it converges", async () => {
    root.writeStore(tasks(MANY, "2026-01-01T00:00:00"));
    const sync = start("sync", "-o", "json");
    await loseUnder(sync, async () => (await members()) > MANY / 10, lose);
    const ended = await sync.end();
    expect(ended).toMatchObject({ code: 4, stdout: "" });
    expect(JSON.parse(lines(ended.stderr).at(-1)!)).toMatchObject({
      code: expect.stringMatching(/^REDIS_(UNAVAILABLE|TIMEOUT|READONLY)$/),
      hint: expect.stringContaining("failover"),
    });
    const kept = await members();
    expect(kept).toBeLessThan(MANY);
    const shown = await run("verify -o json");
    expect(shown.code).toBe(3);
    expect(JSON.parse(shown.stdout)).toMatchObject({ checked: MANY, inSync: kept, onlyInFile: MANY - kept });
    expect(await run("sync")).toMatchObject({ code: 0 });
    expect(await members()).toBe(MANY);
    expect(await run("verify")).toMatchObject({ code: 0 });
  });

  it.runIf(LONG)("a watcher ends its pass on the file, and makes the next one with the new primary", async () => {
    root.writeStore([...tasks(TASKS, "2026-01-01T00:00:00"), record("alice", "young", { updated_at: ago(0) })]);
    expect(await run("sync")).toMatchObject({ code: 0 });
    await site!.isWhole();
    const watcher = start("cleanup", "--watch", "--retention", "5m"); // a pass each 30 s
    await loseUnder(watcher, async () => (await members()) < TASKS - TASKS / 10, lose);
    await watcher.says(/\[CLEANUP\] pass .*candidates=20000/, 60);
    await watcher.says(/copies may remain in Redis; the next pass purges them/);
    expect(root.readStore().length).toBeLessThanOrEqual(1 + BATCH); // that one is unknown
    watcher.kill("SIGHUP");
    await until(async () => (await members()) === 1, 60);
    await until(() => root.readStore().length === 1);
    watcher.kill("SIGTERM");
    expect(await watcher.end()).toMatchObject({ code: 0 });
    expect(await run("verify")).toMatchObject({ code: 0 });
  });

  it("a server answers from the file until the failover, then from the new primary", async () => {
    const young = ago(60);
    root.writeStore(tasks(100, young));
    const server = await Served.start(root.path, []);
    onTestFinished(async () => void (await server.stop()));
    const list = () => server.json("/voice-tasks?page_size=5") as Promise<{ total: number; source: string }>;
    await until(async () => (await list()).source === "redis");
    await site!.isWhole();
    // Only the sync to the new primary brings it over; the file has it from now on.
    root.writeStore([...tasks(100, young), record("alice", "late", { updated_at: ago(1) })]);
    let isLost = false;
    const losing = lose().then(() => {
      isLost = true;
    });
    await until(async () => {
      const { total, source } = await list();
      if (source === "file") expect(total).toBe(101);
      else expect([100, 101]).toContain(total);
      return isLost;
    }, 60);
    await losing;
    await until(async () => {
      const { total, source } = await list();
      return source === "redis" && total === 101;
    }, 60);
    await until(async () => ((await server.json("/healthz")) as { redis: string }).redis === "ok");
    const gone = await server.fetch("/voice-tasks/t0?user_id=user0", { method: "DELETE" });
    expect(gone.status).toBe(200);
    await until(async () => (await members()) === 100);
  });
});
