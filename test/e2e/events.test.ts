import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { FastClock } from "../helpers/clock.ts";
import { ago, record } from "../helpers/records.ts";
import { RedisServer } from "../helpers/redis.ts";
import type { RecordJson } from "../helpers/root.ts";
import { type Command, lines, start } from "../helpers/ttsctl.ts";
import { until } from "../helpers/until.ts";
import { usePlace } from "./setup.ts";

const here = usePlace();

function events(line = "", env: Record<string, string> = {}): Command {
  const args = ["events", "--interval", "1", ...line.split(" ").filter((word) => word !== "")];
  return here.ending(start(args, { cwd: here.root.path, env, clock: new FastClock() }));
}

type Event = Record<string, unknown>;
const printed = (run: Command): Event[] => lines(run.stdout).map((line) => JSON.parse(line) as Event);
const shorts = (run: Command) =>
  printed(run).map(
    ({ event, user_id, task_id, from, status, source }) => `${event} ${user_id}:${task_id} ${from} ${status} ${source}`,
  );

/**
 * Waits for events, and that no others come. A comparison reads the time of a task before its status: one that falls between
 * the two has the change of the time as an event of its own.
 */
async function prints(run: Command, ...wanted: string[]): Promise<void> {
  const events = () => shorts(run).filter((line) => wanted.includes(line) || !/^changed .* (\w+) \1 redis$/.test(line));
  await until(() => events().length >= wanted.length).catch(() => {});
  expect({ events: events(), stderr: run.stderr }).toEqual({ events: wanted, stderr: run.stderr });
}

async function ends(run: Command, signal: "SIGINT" | "SIGTERM" = "SIGINT"): Promise<void> {
  run.kill(signal);
  expect((await run.end()).code).toBe(0);
}

const FIRST: RecordJson[] = [
  record("alice", "a1", { status: "queued", updated_at: ago(100) }),
  record("用户", "任务", { status: "running", updated_at: ago(90) }),
];
const a1 = (status: string, seconds: number) => record("alice", "a1", { status, updated_at: ago(seconds) });

it.each([
  ["KA", "by keyspace notifications"],
  ["Eghx", "by keyspace notifications"],
  ["", 'compared every 1s: its notify-keyspace-events is ""'],
  ["Kz", "compared every 1s: its notify-keyspace-events is"],
])("events with notify-keyspace-events %j are printed as they happen, and stderr says how", async (flags, how) => {
  await here.server.call("CONFIG", "SET", "notify-keyspace-events", flags);
  await here.synced(...FIRST);
  const run = events();
  await run.says(/changes come from Redis at /);
  expect(run.stderr).toContain(how);
  const wanted = ["changed alice:a1 wait run redis"];
  await here.mirrored(a1("running", 80));
  await prints(run, ...wanted);
  await here.mirrored(record("bob", "b1", { status: "queued", updated_at: ago(70) }));
  await prints(run, ...wanted, "created bob:b1 null wait redis");
  await here.run("delete --user bob --ids b1 --force --yes");
  await prints(run, ...wanted, "created bob:b1 null wait redis", "removed bob:b1 wait null redis");
  const [first] = printed(run);
  expect(Object.keys(first!).join(" ")).toBe("time event user_id task_id status from updated_at source");
  expect(first!.updated_at).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+\+00:00$/);
  expect(Math.abs(Date.parse(String(first!.time)) - Date.now())).toBeLessThan(60_000);
  await ends(run);
  await here.server.call("CONFIG", "SET", "notify-keyspace-events", "");
});

describe("events", () => {
  it("of a file are found by comparing it", async () => {
    here.root.configure(null);
    here.root.writeStore(FIRST);
    const run = events();
    await run.says(/changes come from .*voice_task\.json, compared every 1s/);
    here.root.writeStore([a1("failed", 50), record("bob", "b1", { updated_at: ago(40) })]);
    await until(() => shorts(run).length >= 3);
    expect(shorts(run).toSorted()).toEqual([
      ...["changed alice:a1 wait error file", "created bob:b1 null done file", "removed 用户:任务 run null file"],
    ]);
    await ends(run, "SIGTERM");
  });

  it("of a filter are those of its user, by the new status, of a removed task by its last", async () => {
    here.root.configure(null);
    here.root.writeStore(FIRST);
    const run = events("--user alice --status run");
    await run.says(/changes come from/);
    here.root.writeStore([a1("running", 50), record("bob", "b1", { status: "running", updated_at: ago(40) })]);
    await prints(run, "changed alice:a1 wait run file");
    here.root.writeStore([]);
    await prints(run, "changed alice:a1 wait run file", "removed alice:a1 run null file");
    await ends(run);
  });

  it.each(["", "KA"])("go on with the file when Redis is lost, and back, with %j", async (flags) => {
    await using server = await RedisServer.start("--notify-keyspace-events", flags);
    const env = { REDIS_URL: server.url };
    here.root.writeStore(FIRST);
    await here.run("sync", { env });
    const run = events("", env);
    await run.says(/changes come from Redis/);
    await server.stop();
    await run.says(/changes come from .*voice_task\.json/);
    here.root.writeStore([a1("running", 60), ...FIRST.slice(1)]);
    await prints(run, "changed alice:a1 wait run file");
    await server.start();
    await here.run("sync", { env });
    await until(() => run.stderr.split("changes come from Redis").length === 3);
    if (flags !== "") await until(async () => (await server.call("PUBSUB", "NUMPAT")) === 1);
    await here.run("mark --user alice --ids a1 --to error --yes", { env });
    await prints(run, "changed alice:a1 wait run file", "changed alice:a1 run error redis");
    expect(run.stderr.split(/: reading .* instead/)).toHaveLength(2); // once
    await ends(run);
  });

  it("print what tasks hold as JSON, and nothing else", async () => {
    here.root.configure(null);
    here.root.writeStore([]);
    const run = events("-q");
    await new Promise((resolve) => setTimeout(resolve, 300));
    const hostile = "\u001b]0;owned\u0007\n\u202e";
    here.root.writeStore([record(`u${hostile}x`, `t${hostile}x`, { status: `\u001b[5m`, updated_at: ago(1) })]);
    await until(() => run.stdout.endsWith("\n"));
    expect(lines(run.stdout)).toHaveLength(1);
    expect(printed(run)).toMatchObject([{ event: "created", user_id: `u${hostile}x`, status: "other" }]);
    expect(run.stdout).not.toContain("\u001b");
    expect(run.stderr).toBe("");
    await ends(run);
  });

  it("are notified of with the rights that the docs name, and no more", async () => {
    await here.server.call("CONFIG", "SET", "notify-keyspace-events", "KA");
    const rights = "~tts:* +@read +@write +@scripting +@connection +@transaction +time +info +psubscribe +config|get";
    const channel = "&__keyspace@0__:tts:task:*";
    const user = `limited reset on >secret resetchannels ${channel} ${rights}`.split(" ");
    await here.server.call("ACL", "SETUSER", ...user);
    expect(readFileSync("docs/deployments.md", "utf8")).toContain(channel);
    await here.synced(...FIRST);
    const run = events("", { REDIS_USERNAME: "limited", REDIS_PASSWORD: "secret" });
    await run.says(/by keyspace notifications/);
    await here.mirrored(a1("running", 80));
    await prints(run, "changed alice:a1 wait run redis");
    await ends(run);
    await here.server.call("ACL", "DELUSER", "limited");
    await here.server.call("CONFIG", "SET", "notify-keyspace-events", "");
  });
});
