import { spawn } from "node:child_process";
import { once } from "node:events";
import { getPriority } from "node:os";
import { describe, expect, it } from "vitest";
import { cleanEnv } from "../helpers/clean-env.ts";
import { serve } from "../helpers/faults.ts";
import { record } from "../helpers/records.ts";
import { binary } from "../helpers/ttsctl.ts";
import { until } from "../helpers/until.ts";
import { usePlace } from "./setup.ts";

const here = usePlace();
const KEYS = "total written unchanged newerInRedis failed invalid orphans pruned dryRun durationMs".split(" ");

describe("sync", () => {
  it("prints the object of docs/contract.md, Commands, and every other format of it", async () => {
    here.root.writeStore([record("a", "t1"), record("a", "t2"), 5 as never]);
    await here.mirrored(record("a", "orphan"));
    const run = await here.run("sync -o json");
    expect(run.code).toBe(0);
    const result = JSON.parse(run.stdout);
    expect(Object.keys(result)).toEqual(KEYS);
    expect(result).toEqual({
      ...{ total: 2, written: 2, unchanged: 0, newerInRedis: 0, failed: 0, invalid: 1, orphans: 1, pruned: 0 },
      ...{ dryRun: false, durationMs: expect.any(Number) },
    });
    const again = { ...result, written: 0, unchanged: 2, durationMs: expect.any(Number) };
    expect(JSON.parse((await here.run("sync -o jsonl")).stdout)).toEqual(again);
  });

  it("previews with --dry-run, changes nothing, and needs no confirmation", async () => {
    here.root.writeStore([record("a", "t1"), record("a", "t2")]);
    await here.mirrored(record("a", "t1"), record("a", "orphan"));
    const before = await here.state();
    const counts = { written: 1, unchanged: 1, orphans: 1, pruned: 1, dryRun: true, exit: 0 };
    expect(await here.json("sync --dry-run --prune")).toMatchObject(counts);
    expect(await here.state()).toEqual(before);
  });

  it("names a key of another type once, with the remedy, however many tasks it keeps back", async () => {
    here.root.writeStore(["t1", "t2", "t3"].map((id) => record("a", id)));
    await here.server.call("SET", "tts:user:a:index", "x");
    const { code, stderr } = await here.run("sync");
    expect([code, stderr.match(/tts:user:a:index/g)?.length]).toEqual([3, 1]);
    expect(stderr).toMatch(/`ttsctl verify --repair`\nwarning: and 2 more tasks were not synchronised\n$/);
  });

  it("exits 3 if a task couldn't be pruned", async () => {
    here.root.writeStore([record("a", "t1")]);
    await here.mirrored(record("a", "t1"), record("a", "orphan"));
    await here.server.call("DEL", "tts:task:a:orphan");
    await here.server.call("SET", "tts:task:a:orphan", "a string");
    const { code, stderr } = await here.run("sync --prune --yes");
    expect([code, stderr]).toEqual([3, expect.stringContaining("a:orphan")]);
  });

  it("prunes with --prune --yes, for one user with --user", async () => {
    here.root.writeStore([record("a", "t1"), record("b", "t1")]);
    await here.mirrored(record("a", "orphan"), record("b", "t1"), record("b", "orphan"));
    expect(await here.json("sync --user b --prune --yes")).toMatchObject({ total: 1, orphans: 1, pruned: 1 });
    expect(await here.json("sync --prune --yes")).toMatchObject({ total: 2, orphans: 1, pruned: 1 });
    expect(await here.server.call("ZCARD", "tts:tasks:index")).toBe(2);
  });
});

it.each([
  [0, "sync", 10],
  [15, "sync", 10],
  [0, "list", 0],
])("%i lower, %s goes on with at least %i", async (more, command, least) => {
  const own = Math.min(19, getPriority() + more);
  let asked = false;
  await using silent = await serve(() => {
    asked = true;
  });
  const args = [process.execPath, binary(), command, "--redis-url", silent.url];
  const child = spawn("nice", ["-n", `${more}`, ...args], { cwd: here.root.path, env: cleanEnv(), stdio: "ignore" });
  try {
    await until(() => asked);
    expect(getPriority(child.pid!)).toBe(Math.max(own, least));
  } finally {
    child.kill("SIGKILL");
    await once(child, "close");
  }
});
