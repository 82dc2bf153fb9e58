import { expect, it } from "vitest";
import { record } from "../helpers/records.ts";
import { lines, start } from "../helpers/ttsctl.ts";
import { usePlace } from "./setup.ts";

const here = usePlace();
const LOG = "--log-format json";

/** The events on stderr, where every line must be one. Progress, which only a slow machine shows, is left out. */
function events(stderr: string): Record<string, unknown>[] {
  const all: Record<string, unknown>[] = lines(stderr).map((line) => {
    const event = JSON.parse(line);
    expect(event).toMatchObject({ time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/) });
    expect(["info", "warn", "error"]).toContain(event.level);
    expect(event.msg).toEqual(expect.any(String));
    return event;
  });
  return all.filter((event) => !("done" in event));
}

it("logs each warning as an event with its task; stdout is unchanged", async () => {
  await here.synced(record("alice", "t1"), record("alice", "t2", { status: "running" }));
  const run = await here.run(`delete --user alice --yes -v ${LOG}`);
  expect(run.stdout).toMatch(/^\[CLEANUP\] user=alice task=t1 /);
  const logged = events(run.stderr);
  expect(logged).toContainEqual(
    expect.objectContaining({ level: "warn", user: "alice", task: "t2", reason: expect.stringContaining("run") }),
  );
  expect(logged).toContainEqual(expect.objectContaining({ level: "info", msg: expect.stringContaining("ping") }));
  expect(logged).toHaveLength(2);
});

it("holds for all that a watcher says", async () => {
  here.root.writeStore([record("alice", "t1")]);
  const args = ["cleanup", "--watch", "-v", "-o", "json", ...LOG.split(" ")];
  const watcher = here.ending(start(args, { cwd: here.root.path }));
  await watcher.says(/"purged":1/);
  here.root.write("voice_task.json", "[{");
  watcher.kill("SIGHUP");
  await watcher.says(/STORE_INVALID/);
  watcher.kill("SIGTERM");
  const run = await watcher.end();
  expect(run.code).toBe(0);
  const logged = events(run.stderr);
  expect(logged[0]).toMatchObject({ level: "info", msg: expect.stringMatching(/^watching /) });
  expect(logged).toContainEqual(expect.objectContaining({ level: "error", code: "STORE_INVALID" }));
  expect(logged).toContainEqual(expect.objectContaining({ event: "cleanup", user: "alice", task: "t1" }));
  expect(logged.at(-1)).toMatchObject({ msg: "watch stopped" });
});
