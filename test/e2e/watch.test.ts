import { writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { FileStore } from "../../src/store/file/file-store.ts";
import { ago, RULES, record } from "../helpers/records.ts";
import { type Command, lines, Running, start } from "../helpers/ttsctl.ts";
import { until } from "../helpers/until.ts";
import { usePlace } from "./setup.ts";

const here = usePlace();
const watch = (...flags: string[]) => here.ending(start(["cleanup", "--watch", ...flags], { cwd: here.root.path }));
/** In a process of its own. */
const processThatWatches = () => here.ending(new Running(["cleanup", "--watch"], { cwd: here.root.path }));

async function endsSoon(watcher: Command, signal: "SIGTERM" | "SIGINT"): Promise<void> {
  const began = performance.now();
  watcher.kill(signal);
  expect(await watcher.end()).toMatchObject({ code: 0 });
  expect(performance.now() - began).toBeLessThan(5000);
}

const members = () => here.server.call("ZCARD", "tts:tasks:index");

describe("cleanup --watch", () => {
  it.each(["SIGTERM", "SIGINT"] as const)("runs a pass at once, and ends with 0 on %s", async (signal) => {
    await here.synced(record("alice", "t1"));
    const watcher = watch();
    await watcher.says(/\[CLEANUP\] pass .*purged=1/);
    expect(watcher.stdout).toMatch(/^\[CLEANUP\] user=alice task=t1 reason=expired/m);
    await endsSoon(watcher, signal);
    expect(watcher.stderr).toContain("watch stopped");
  });

  it("refuses a second watcher on the same store, and names the first", async () => {
    here.root.writeStore([]);
    const first = processThatWatches();
    await first.says(/\[CLEANUP\] pass/);
    const error = expect.stringMatching(`pid ${first.pid} .*cleanup --watch`);
    expect(await here.json("cleanup --watch")).toMatchObject({ code: "WATCHER_RUNNING", error, exit: 1 });
    expect(await here.run("cleanup --once")).toMatchObject({ code: 0 });
    expect(await here.run("sync")).toMatchObject({ code: 0 });
    await first.stop();
    const third = watch();
    await third.says(/\[CLEANUP\] pass/);
  });

  it("reads the configuration again on SIGHUP, and runs a pass with it", async () => {
    const young = record("alice", "t1", { updated_at: ago(600) });
    here.root.configure(here.server.port, "[cleanup]\nretention = 1h\n");
    await here.synced(young);
    const watcher = watch();
    await watcher.says(/\[CLEANUP\] pass .*purged=0/);
    here.root.configure(here.server.port, "[cleanup]\nretention = 5m\n");
    watcher.kill("SIGHUP");
    await watcher.says(/\[CLEANUP\] pass .*purged=1/);
    expect(here.root.storeText()).toBe("[]");
  });

  it("keeps to its store file: a config.ini that names another one is refused", async () => {
    const watcher = watch();
    await watcher.says(/\[CLEANUP\] pass/);
    const other = JSON.stringify([record("alice", "t1")]);
    here.root.write("other.json", other);
    here.root.configure(here.server.port, "[store]\npath = other.json\n");
    watcher.kill("SIGHUP");
    await watcher.says(/another store file/);
    watcher.kill("SIGTERM");
    await watcher.end();
    expect(here.root.tree()["other.json"]).toBe(other);
  });

  it("ends within 5 s in the middle of a pass that a busy service makes long", async () => {
    const old = Array.from({ length: 50 }, (_, i) => record("alice", `t${i}`));
    await here.synced(...old);
    // A service that holds the store in its memory and writes it every 300 ms: each time the watch starts again.
    const memory = JSON.stringify(old, null, 2);
    const write = () => {
      writeFileSync(here.root.at("voice_task.tmp"), memory);
      here.root.rename("voice_task.tmp", "voice_task.json");
    };
    write();
    const service = setInterval(write, 300);
    try {
      const watcher = watch();
      await until(async () => (await members()) === 0);
      await until(() => here.root.storeText() === "[]");
      await endsSoon(watcher, "SIGTERM");
    } finally {
      clearInterval(service);
    }
  });

  it("ends within 5 s while another ttsctl holds the lock", async () => {
    here.root.writeStore([record("alice", "t1")]);
    const lock = await new FileStore(here.root.store, RULES, systemClock).lock("run");
    const watcher = processThatWatches();
    await until(() => watcher.openFiles().some((path) => path.endsWith(".run.lock"))); // it waits
    await endsSoon(watcher, "SIGTERM");
    expect(here.root.readStore()).toHaveLength(1);
    await lock.release();
  });

  it("always logs the outcome of the ping, and prints a JSON object a pass with -o json", async () => {
    here.root.writeStore([]);
    const watcher = watch("-o", "json");
    await watcher.says(/\}\n/);
    expect(JSON.parse(lines(watcher.stdout)[0]!)).toMatchObject({ candidates: 0, dryRun: false });
    expect(watcher.stderr).toMatch(/answered the ping/);
  });
});
