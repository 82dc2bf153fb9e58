import { spawnSync } from "node:child_process";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { first } from "../helpers/long.ts";
import { RedisServer } from "../helpers/redis.ts";
import { ServiceRoot } from "../helpers/root.ts";
import { ttsctl } from "../helpers/ttsctl.ts";
import { makeStore } from "./python.ts";

const ZONE = "Asia/Shanghai";

/** The same counts by Python alone: argv is the store file and `now` in epoch seconds. */
const MODEL = `
import datetime, json, sys, zoneinfo
zone = zoneinfo.ZoneInfo("${ZONE}")
words = {"queued": "wait", "pending": "wait", "waiting": "wait", "wait": "wait", "created": "wait",
         "running": "run", "processing": "run", "started": "run", "run": "run",
         "succeeded": "done", "success": "done", "completed": "done", "finished": "done", "done": "done",
         "failed": "error", "failure": "error", "error": "error", "cancelled": "error", "canceled": "error"}
def time(value):
    if not isinstance(value, str):
        return value
    parsed = datetime.datetime.fromisoformat(value)
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=zone)).timestamp()
def hour(at):
    return int((at + zone.utcoffset(datetime.datetime.fromtimestamp(now)).total_seconds()) // 3600)
def day(at):
    return datetime.datetime.fromtimestamp(at, zone).date().toordinal()
now = float(sys.argv[2])
status, users, ages, hours = {}, {}, [0] * 5, [0] * 24
days = [0] * 30
with open(sys.argv[1], encoding="utf-8") as file:
    for record in json.load(file):
        word, at = words.get(record["status"], "other"), time(record["updated_at"])
        status[word] = status.get(word, 0) + 1
        users[record["user_id"]] = users.get(record["user_id"], 0) + 1
        ages[next(i for i, upto in enumerate((3600, 86400, 604800, 2592000, float("inf"))) if now - at <= upto)] += 1
        index = hour(at) - hour(now) + 23
        if 0 <= index < 24:
            hours[index] += 1
        index = day(at) - day(now) + 29
        if 0 <= index < 30:
            days[index] += 1
print(json.dumps({"status": status, "users": users, "ages": ages, "hours": hours, "days": days}))
`;

let server: RedisServer;
let root: ServiceRoot;
beforeAll(async () => {
  server = await RedisServer.start();
});
afterAll(() => server.remove());
beforeEach(() => {
  root = new ServiceRoot();
  root.write("config.ini", `[redis]\nport = ${server.port}\n[service]\ntimezone = ${ZONE}\n`);
});
afterEach(() => root.remove());

it.each(first(1, [1, 2]))("counts of the file, of Redis and of Python are the same (seed %i)", async (seed) => {
  await server.call("FLUSHALL");
  const now = Math.floor(Date.now() / 1000);
  await makeStore(root.path, ZONE, "--tasks", 1000, "--users", 40, "--now", now, "--seed", seed);
  const run = (line: string) => ttsctl(line.split(" "), { cwd: root.path, env: { TZ: "UTC" } });
  const fromFile = JSON.parse((await run("stats -o json --source file")).stdout);
  expect((await run("sync")).code).toBe(0);
  const fromRedis = JSON.parse((await run("stats -o json")).stdout);
  expect([fromFile.source, fromRedis.source]).toEqual(["file", "redis"]);
  for (const { at, ...stats } of [fromFile, fromRedis]) {
    const model = spawnSync("python3", ["-c", MODEL, root.store, String(Date.parse(at) / 1000)], { encoding: "utf8" });
    const expected = JSON.parse(model.stdout);
    expect(stats.total).toBe(1000);
    expect(Object.fromEntries(Object.entries(stats.byStatus).filter(([, count]) => count !== 0))).toEqual(
      expected.status,
    );
    expect(
      Object.fromEntries(stats.byUser.map((user: { user_id: string; total: number }) => [user.user_id, user.total])),
    ).toEqual(expected.users);
    expect(stats.ages.map(({ total }: { total: number }) => total)).toEqual(expected.ages);
    expect(stats.perDay.map(({ total }: { total: number }) => total)).toEqual(expected.days);
    expect(stats.perHour.map(({ total }: { total: number }) => total)).toEqual(expected.hours);
  }
});
