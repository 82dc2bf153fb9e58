import { readdirSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { usePlace } from "../e2e/setup.ts";
import { ago, record } from "../helpers/records.ts";
import { lines, Running } from "../helpers/ttsctl.ts";
import { until } from "../helpers/until.ts";

const here = usePlace();

async function fill(): Promise<ReturnType<typeof young>> {
  const kept = young();
  here.root.writeStore([...OLD, ...kept]);
  here.root.writeArtifacts([...OLD, ...kept]);
  expect((await here.run("sync")).code).toBe(0);
  return kept;
}

/** How many task folders are left. */
function folders(): number {
  return readdirSync(here.root.at("output"))
    .filter((name) => !name.startsWith("."))
    .reduce((sum, user) => sum + readdirSync(here.root.at(`output/${user}`)).length, 0);
}

const COUNT = 600;

async function expectFinished(kept: ReturnType<typeof young>): Promise<void> {
  expect(here.root.storeText()).toBe(JSON.stringify(kept, null, 2));
  expect(folders()).toBe(kept.length);
  expect(readdirSync(here.root.at("Logs/20200101/08"))).toHaveLength(kept.length);
  expect(here.root.has("output/.ttsctl-purge")).toBe(false);
  expect(here.root.has(".voice_task.json.ttsctl")).toBe(false);
  expect(await here.server.call("ZCARD", "tts:tasks:index")).toBe(kept.length);
  expect((await here.server.call("KEYS", "tts:task:*")) as string[]).toHaveLength(kept.length);
}

const young = () => Array.from({ length: 20 }, (_, i) => record(`user${i % 5}`, `young${i}`, { updated_at: ago(60) }));

const OLD = Array.from({ length: COUNT }, (_, i) => record(`user${i % 5}`, `t${i}`));

describe("row A, a sync that is stopped in the middle", () => {
  it.each(["SIGKILL", "SIGINT"] as const)(
    "by %s leaves whole tasks, no mark, and the next finishes",
    async (signal) => {
      const many = Array.from({ length: 20_000 }, (_, i) => record(`user${i % 5}`, `t${i}`));
      here.root.writeStore(many);
      const clients = async () => String(await here.server.call("CLIENT", "LIST")).split("\n").length;
      const others = await clients();
      const first = new Running(["sync", "-o", "json"], { cwd: here.root.path });
      await until(async () => ((await here.server.call("ZCARD", "tts:tasks:index")) as number) > 0);
      first.kill(signal);
      const run = await first.end();
      if (signal === "SIGINT") {
        expect(run.code).toBe(130);
        expect(JSON.parse(lines(run.stderr).at(-1)!)).toMatchObject({ code: "INTERRUPTED" });
      }
      // What it had sent before it ended may still be carried out.
      await until(async () => (await clients()) === others);
      const count = (await here.server.call("ZCARD", "tts:tasks:index")) as number;
      expect(count).toBeLessThan(20_000);
      expect((await here.server.call("KEYS", "tts:task:*")) as string[]).toHaveLength(count);
      expect(await here.server.call("GET", "tts:ttsctl:synced")).toBeNull();
      const next = await here.run("sync -o json");
      expect(JSON.parse(next.stdout)).toMatchObject({ total: 20_000, written: 20_000 - count, unchanged: count });
    },
  );
});

describe("row A, a cleanup of many batches that is stopped in the middle", () => {
  it("by SIGTERM finishes the current batch and exits 130; its report matches its changes", async () => {
    const kept = await fill();
    const first = new Running(["cleanup", "--once", "-o", "json"], { cwd: here.root.path });
    await until(() => folders() < COUNT + kept.length);
    const began = performance.now();
    first.kill("SIGTERM");
    const run = await first.end();
    expect(run.code).toBe(130);
    expect(performance.now() - began).toBeLessThan(5000);
    const purged = lines(run.stderr).filter((line) => line.startsWith("[CLEANUP] user=")).length;
    expect(purged).toBeGreaterThan(0);
    expect(here.root.readStore()).toHaveLength(COUNT + kept.length - purged);
    expect(JSON.parse(lines(run.stderr).at(-1)!)).toMatchObject({
      code: "INTERRUPTED",
      error: expect.stringContaining(`${purged} tasks`),
    });
    await here.run("cleanup --once");
    await expectFinished(kept);
  });
});
