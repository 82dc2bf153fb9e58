import { expect, it } from "vitest";
import { parse } from "yaml";
import { FastClock } from "../helpers/clock.ts";
import { isOn } from "../helpers/lacks.ts";
import { ago, record } from "../helpers/records.ts";
import { lines, start } from "../helpers/ttsctl.ts";
import { usePlace } from "./setup.ts";

const here = usePlace();
const DAY = 86_400;
const KEYS = [
  ...["source", "at", "user", "total", "byStatus", "users", "byUser", "oldest", "newest", "oldestWaiting"],
  ...["ages", "perHour", "per6Hours", "perDay", "dangling", "invalid", "stuck", "disk", "cleanup"],
];

async function fill(): Promise<void> {
  const all = [
    record("alice", "old"),
    record("alice", "new", { updated_at: ago(60) }),
    record("小雨", "stuck", { status: "running", updated_at: ago(3 * DAY + 60) }),
  ];
  await here.synced(...all);
  here.root.writeArtifacts(all);
}

const withMicros = it.skipIf(isOn("api_ms", "its times have no microseconds"));

withMicros(
  "stats prints the documented object, of all and of one user, and the same data as YAML and CSV",
  async () => {
    await fill();
    const run = await here.run("stats -o json");
    expect(run).toMatchObject({ code: 0, stderr: "" });
    const result = JSON.parse(run.stdout);
    expect(Object.keys(result)).toEqual(KEYS);
    expect(result).toMatchObject({
      ...{ source: "redis", user: null, total: 3, users: 2, dangling: 0 },
      byStatus: { wait: 0, run: 1, done: 2, error: 0, other: 0 },
      oldest: { user_id: "alice", task_id: "old", status: "done", updated_at: "2020-01-01T08:00:05.250001+00:00" },
      newest: { task_id: "new" },
      oldestWaiting: null,
      invalid: { count: 0, records: [] },
      stuck: { count: 1, afterSeconds: DAY, tasks: [{ user_id: "小雨", task_id: "stuck", status: "run" }] },
      disk: { audioBytes: 300, logBytes: 30 },
      cleanup: { tasks: 1, files: 2, bytes: 110 },
    });
    expect(result.perHour).toHaveLength(24);
    expect(Object.keys(result.perHour[0])).toEqual(["from", "total", "wait", "run", "done", "error", "other"]);
    expect([result.per6Hours.length, result.perDay.length]).toEqual([28, 30]);
    for (const bars of [result.per6Hours, result.perDay]) {
      expect(bars.at(-1)).toMatchObject({ done: 1 });
      expect(bars.at(-1).from).toBe(bars.at(-2).until);
    }
    expect(await here.json("stats --user alice --no-disk --source file")).toMatchObject({
      ...{ source: "file", user: "alice", total: 2, disk: null },
      cleanup: { tasks: 1, files: null, bytes: null },
    });
    expect(parse((await here.run("stats -o yaml")).stdout)).toMatchObject({ total: 3 });
    const [head, ...rows] = lines((await here.run("stats -o csv")).stdout);
    expect(head).toBe("user_id,total,wait,run,done,error,other,lastChange,audioBytes,logBytes");
    expect(rows.map((row) => row.split(",").slice(0, 2).join())).toEqual(["alice,2", "小雨,1"]);
    expect(rows.map((row) => row.split(",").slice(-2).join())).toEqual(["200,20", "100,10"]);
  },
);

it("stats watches: one object a line in a pipe, until it is stopped", async () => {
  await fill();
  const options = { cwd: here.root.path, clock: new FastClock() };
  const run = start(["stats", "--watch", "--interval", "1", "-o", "json", "--no-disk"], options);
  await run.says(/\}\n\{.*\}\n/s);
  run.kill("SIGINT");
  const { code, stdout } = await run.end();
  expect(code).toBe(0);
  for (const line of lines(stdout)) expect(JSON.parse(line).total).toBe(3);
});
