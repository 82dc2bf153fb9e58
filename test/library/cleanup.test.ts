import { describe, expect, it } from "vitest";
import type { TtsctlError } from "../../src/errors.ts";
import type { CleanupCounts, TaskStore } from "../../src/library/types.ts";
import { ago, record } from "../helpers/records.ts";
import { ttsctl } from "../helpers/ttsctl.ts";
import { until } from "../helpers/until.ts";
import { useLibrary } from "./setup.ts";

const here = useLibrary();
const OLD = record("alice", "old");
const YOUNG = record("alice", "young", { updated_at: ago(60) });

type Pass = [CleanupCounts | null, TtsctlError | null];

function firstPass(store: TaskStore): Promise<Pass> {
  return new Promise((resolve, reject) => {
    store.startCleanup({ onPass: (...pass) => resolve(pass) }).catch(reject);
  });
}

describe("startCleanup", () => {
  it("purges expired tasks with audio and logs, and reports the pass", async () => {
    here.root.writeStore([OLD, YOUNG]);
    here.root.writeArtifacts([OLD, YOUNG]);
    const store = await here.open({ retention: "1h" });
    await store.syncToRedis();
    const [counts, problem] = await firstPass(store);
    expect([counts, problem]).toMatchObject([{ candidates: 1, purged: 1, files: 2, bytes: 110 }, null]);
    expect(here.root.readStore()).toEqual([YOUNG]);
    expect([here.root.has("output/alice/old"), here.root.has("output/alice/young")]).toEqual([false, true]);
    expect(await here.server.call("EXISTS", "tts:task:alice:old")).toBe(0);
    await store.stopCleanup();
  });

  it("refuses an empty file beside a Redis with tasks", async () => {
    here.root.writeStore([OLD, YOUNG]);
    const store = await here.open({ retention: "1h" });
    await store.syncToRedis();
    here.root.writeStore([]);
    const [counts, problem] = await firstPass(store);
    expect([counts, problem?.code]).toEqual([null, "STORE_EMPTY"]);
    expect(await here.server.call("ZCARD", "tts:tasks:index")).toBe(2);
  });

  it("is one of all watchers of the store, commands included: a second one waits until it ends", async () => {
    here.root.writeStore([OLD, YOUNG]);
    const store = await here.open();
    await firstPass(store);
    await expect(store.startCleanup()).rejects.toMatchObject({ code: "WATCHER_RUNNING" });
    here.root.writeStore([OLD, YOUNG]);
    const other = await here.open({ retention: "1h" });
    const pass = firstPass(other);
    await until(() => here.heard.some((line) => line.includes("another process cleans up")), 10);
    const watcher = await ttsctl(["cleanup", "--watch", "-o", "json"], { cwd: here.root.path });
    expect(JSON.parse(watcher.stderr.trim().split("\n").at(-1)!)).toMatchObject({ code: "WATCHER_RUNNING" });
    await store.stopCleanup();
    expect((await pass)[0]).toMatchObject({ purged: 1 });
    await other.stopCleanup();
    await store.startCleanup();
  });

  it("is off with a retention of 0", async () => {
    here.root.writeStore([OLD, YOUNG]);
    const store = await here.open({ retention: 0 });
    let passes = 0;
    await store.startCleanup({ onPass: () => void passes++ });
    await until(() => here.heard.some((line) => line.includes("cleanup is switched off")));
    await store.stopCleanup();
    expect([passes, here.root.readStore().length]).toEqual([0, 2]);
  });

  it("reports a failed pass, and tries the next one", async () => {
    here.root.write("voice_task.json", "[{");
    const [counts, problem] = await firstPass(await here.open({ retention: "1h" }));
    expect([counts, problem?.code]).toEqual([null, "STORE_INVALID"]);
    expect(here.heard.join()).toContain("cleanup:");
  });
});
