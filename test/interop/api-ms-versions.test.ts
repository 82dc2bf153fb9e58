import { utimesSync } from "node:fs";
import fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import { idProblem, trimId } from "../../src/task/ids.ts";
import { usePlace } from "../e2e/setup.ts";
import { drawn } from "../faults/helpers/chance.ts";
import { LONG } from "../helpers/long.ts";
import { API_MS_RULES } from "../helpers/records.ts";
import type { RecordJson } from "../helpers/root.ts";
import { modelOf, python } from "./python.ts";

const here = usePlace();
const OLD = 1_600_000_000;
const json = (...args: string[]) => here.json(args);
const tasksOf = ({ items }: { items: RecordJson[] }) => items.map(({ task_id }) => task_id);

const VERSIONS = ["older", "v3"] as const;

/** A simulated API service of that version on the root and its Redis, and a config.ini for it. */
function serviceOf(version: (typeof VERSIONS)[number]) {
  const layout = version === "v3" ? "api_ms_v3" : "api_ms";
  const redis = `[redis]\nport = ${here.server.port}\nlayout = ${layout}\n`;
  here.root.write("config.ini", `${redis}[service]\ntimezone = UTC\n`);
  return {
    /** Writes file and Redis, as long ago: a file that was written just now is watched for two seconds before each change. */
    fill(records: readonly RecordJson[]): void {
      const args = [here.root.path, "--version", version, "--redis-port", here.server.port];
      python("tools/api_ms_service.py", args, { input: records });
      utimesSync(here.root.store, OLD, OLD);
    },
    /** What Redis holds otherwise than the service would. */
    differences: () => modelOf(version, here.root.path, here.server.port).differences,
  };
}

let service: ReturnType<typeof serviceOf>;
beforeEach(() => {
  service = serviceOf("older");
});

/** Tasks that were changed in another order than they were created in. */
function record(user: string, task: string, at = 0, more: RecordJson = {}): RecordJson {
  return {
    ...{ task_id: task, user_id: user, status: "succeeded", progress: 100, segments_done: 2, total_segments: 2 },
    ...{ result_url: `/output/${task}`, error: null, created_at: OLD + at, updated_at: OLD + 1_000_000 - at * 3 },
    ...more,
  };
}

const piece = fc.oneof(
  fc.constantFrom(..."abzAZ09_.~-:/+%{} !'()*\\\n", "张三", "任务", "🙂", "e\u0301", "%41", "%zz", "\ufffd"),
  fc.string({ unit: "grapheme", minLength: 1, maxLength: 2 }),
);
const id = fc
  .array(piece, { minLength: 1, maxLength: 5 })
  .map((pieces) => trimId(pieces.join("")))
  .filter((text) => idProblem("user_id", text, API_MS_RULES) === undefined && !text.includes("\0"));

const TASKS = LONG ? 10_000 : 1_500;

/** Tasks with ids of every kind, each id once, several of them in one second. */
function hostileRecords(): RecordJson[] {
  const users = fc.sample(id, 40);
  const tasks = new Set(fc.sample(id, 3 * TASKS));
  return [...tasks].slice(0, TASKS).map((task, i) => record(users[i % users.length]!, task, (i * 7919) % 4000));
}

it.each(drawn("versions", VERSIONS))(
  "version %s of the service and ttsctl agree key by key on thousands of tasks, and on the order of lists",
  {
    timeout: 180_000,
    tags: ["slow"],
  },
  async (version) => {
    const service = serviceOf(version);
    const records = hostileRecords();
    service.fill(records);
    expect(await json("verify")).toMatchObject({ checked: records.length, inSync: records.length, exit: 0 });
    // What the service changed in the file alone, and what is new there, is ttsctl's to write.
    const changed = records.map((one, i) =>
      i % 3 === 0 ? { ...one, status: "failed", error: "失败", updated_at: OLD + 2_000_000 + (i % 50) } : one,
    );
    const added = Array.from({ length: 50 }, (_, i) => record(String(records[i]!.user_id), `new ${i}:新`, i));
    here.root.writeStore([...changed, ...added]);
    const due = Math.ceil(records.length / 3) + added.length;
    expect(await json("sync")).toMatchObject({ written: due, unchanged: records.length + 50 - due, failed: 0 });
    expect(await json("sync")).toMatchObject({ written: 0, unchanged: records.length + 50 });
    const report = modelOf(version, here.root.path, here.server.port);
    expect(report.differences).toEqual({ count: 0, first: "[]" });
    expect(report.tasks).toBe(records.length + added.length);
    const all = await json("list", "--limit", "all");
    expect(all.items.map((item: RecordJson) => [item.user_id, item.task_id])).toEqual(report.all);
    for (const user of Object.keys(report.users).slice(0, 4)) {
      const theirs = report.users[user]!;
      expect(tasksOf(await json("list", "--user", user, "--limit", "all"))).toEqual(theirs);
      const pages = await Promise.all(
        ["1", "2"].map((page) => json("list", "--user", user, "--page-size", "100", "--page", page)),
      );
      expect(pages.flatMap(tasksOf)).toEqual(theirs.slice(0, 200));
      expect(pages[0]).toMatchObject({ total: theirs.length, source: "redis" });
    }
  },
);

describe("a user's index by created_at", () => {
  const count = 12;
  const records = () => Array.from({ length: count }, (_, i) => record("u", `t${i}`, i));
  const scores = async () =>
    Object.fromEntries((await here.server.zset("tts:user:u:index")).map(([task, score]) => [task, Number(score)]));
  beforeEach(() => {
    service = serviceOf("v3");
    service.fill(records());
  });

  it("is in sync, and is kept by all writes", async () => {
    expect(await json("verify")).toMatchObject({ inSync: count, wrongScore: 0, exit: 0 });
    expect(await json("sync")).toMatchObject({ written: 0, unchanged: count });
    expect(await json("sync", "--user", "u")).toMatchObject({ written: 0, unchanged: count });
    const before = await scores();
    expect(await json("mark", "--user", "u", "--ids", "t1,t2", "--to", "failed", "--yes")).toMatchObject({
      exit: 0,
    });
    const changed = records().map((one) => ({ ...one, status: "failed", updated_at: OLD + 5_000_000 }));
    const given = changed.slice(3, 5).map((one) => JSON.stringify(one));
    here.root.write("in.jsonl", given.join("\n"));
    expect(await json("import", "in.jsonl", "--yes")).toMatchObject({ exit: 0 });
    here.root.writeStore([...changed.slice(0, 8), ...records().slice(8)]);
    await here.server.call("DEL", "tts:task:u:t9");
    expect(await json("verify", "--repair", "--yes")).toMatchObject({ exit: 0 });
    expect(await scores()).toEqual(before);
    expect(service.differences().count).toBe(0);
  });
});

describe("a task id alone", () => {
  beforeEach(() => {
    service = serviceOf("v3");
    service.fill([record("a:b", "任务 1", 1), record("u", "t1", 2), record("u", "t2", 3)]);
  });

  it("is enough for get, which uses the lookup and the file", async () => {
    expect(await json("get", "任务 1")).toMatchObject({ item: { user_id: "a:b" }, source: "redis", exit: 0 });
    await here.server.call("DEL", "tts:task_lookup:t1");
    expect(await json("get", "t1")).toMatchObject({ item: { user_id: "u" }, exit: 0 });
    expect(await json("get", "t1", "--source", "redis")).toMatchObject({ item: null, exit: 3 });
    here.root.writeStore([]);
    expect(await json("get", "t2")).toMatchObject({ item: { user_id: "u" }, file: null, source: "redis" });
    expect(await json("get", "none")).toMatchObject({ item: null, exit: 3 });
  });

  it("that two users have needs its user", async () => {
    const both = [record("old", "t", 9, { text: "old" }), record("new", "t", 5, { text: "new" })];
    here.root.writeStore([...here.root.readStore(), ...both]);
    await here.runArgs(["sync"]);
    expect(await here.server.call("GET", "tts:task_lookup:t")).toBe("new");
    for (const source of ["redis", "file"]) {
      for (const user of ["old", "new"]) {
        const body = JSON.stringify({ user_id: user, task_ids: ["t", "none"] });
        expect(await json("query", body, "--source", source)).toMatchObject({
          ...{ total: 1, items: [{ user_id: user, task_id: "t", text: user }], missing: ["none"] },
        });
      }
    }
    for (const args of [
      ["get", "t"],
      ["delete", "--ids", "t", "--yes"],
    ]) {
      expect(await json(...args)).toMatchObject({
        code: "USAGE",
        exit: 2,
        error: expect.stringMatching(/old:t.*new:t|new:t.*old:t/),
      });
    }
    expect(await json("delete", "--user", "old", "--ids", "t", "--yes")).toMatchObject({ deleted: 1 });
    expect(await json("get", "t")).toMatchObject({ item: { user_id: "new" } });
  });
});

describe("lookups", () => {
  const lookup = (task: string) => here.server.call("GET", `tts:task_lookup:${task}`);

  it("that are missing, wrong or dangling are drift, and are repaired", async () => {
    service.fill([record("u", "t1"), record("u", "t2"), record("u", "t3")]);
    await here.server.call("DEL", "tts:task_lookup:t1");
    await here.server.call("SET", "tts:task_lookup:t2", "mallory");
    await here.server.call("SET", "tts:task_lookup:gone", "u");
    expect(await json("verify")).toMatchObject({ unindexed: 2, dangling: 2, inSync: 1, exit: 3 });
    expect(await json("verify", "--repair", "--yes")).toMatchObject({ repaired: 4 });
    expect([await lookup("t1"), await lookup("t2"), await lookup("gone")]).toEqual(["u", "u", null]);
    expect(service.differences().count).toBe(0);
  });

  it("lead to the newest of tasks that share an id, with a warning, and to the next once that was deleted", async () => {
    const [old, next, last] = [0, 50, 100].map((later) => ({ updated_at: OLD + later }));
    here.root.writeStore([record("old", "t", 0, old), record("last", "t", 0, last), record("next", "t", 0, next)]);
    await json("sync");
    expect(await lookup("t")).toBe("last");
    const checks: { check: string; status: string }[] = (await json("doctor")).checks;
    expect(checks.find(({ check }) => check === "tasks.shared_ids")?.status).toBe("warn");
    expect(await json("verify")).toMatchObject({ inSync: 3, said: expect.stringContaining("more than one user") });
    for (const [user, left] of [
      ["old", "last"],
      ["last", "next"],
    ]) {
      expect(await json("delete", "--user", user!, "--ids", "t", "--yes")).toMatchObject({ deleted: 1 });
      await json("sync");
      expect([await lookup("t"), service.differences().count]).toEqual([left, 0]);
    }
  });

  it("need rights of their own, and doctor says so", async () => {
    service.fill([record("u", "t")]);
    const keys = ["task:*", "tasks:*", "user:*", "ttsctl:*"].map((pattern) => `~tts:${pattern}`);
    await here.server.call("ACL", "SETUSER", "tts", "reset", "on", ">pw", "+@all", ...keys);
    const run = await here.run("doctor -o json", { env: { REDIS_USERNAME: "tts", REDIS_PASSWORD: "pw" } });
    const checks: { check: string; status: string; detail: string }[] = JSON.parse(run.stdout).checks;
    const rights = checks.find(({ check }) => check === "redis.rights");
    expect(rights).toMatchObject({ status: "fail", detail: expect.stringContaining("tts:task_lookup:*") });
    await here.server.call("ACL", "DELUSER", "tts");
  });
});

it("another layout in Redis than in config.ini is refused before any change, and doctor says what to set", async () => {
  service.fill([record("a:b", "c:d"), record("u", "t1"), record("x:y", "t2")]);
  here.root.configure(here.server.port);
  const before = [await here.server.dump(), here.root.storeText()];
  const refusal = { code: "LAYOUT_MISMATCH", exit: 2 };
  expect(await json("verify", "--repair", "--prune", "--yes")).toMatchObject(refusal);
  expect([await here.server.dump(), here.root.storeText()]).toEqual(before);
  const checks: { check: string; status: string; hint: string }[] = (await json("doctor")).checks;
  const finding = checks.find(({ check }) => check === "layout");
  expect(finding).toMatchObject({ status: "fail", hint: expect.stringContaining("layout = api_ms") });
});

describe("an unset layout beside the file of the published service", () => {
  const records = [record("a:b", "c:d"), record("u", "t1"), record("x:y", "t2")];
  beforeEach(() => {
    here.root.write("config.ini", `[redis]\nport = ${here.server.port}\n[service]\ntimezone = UTC\n`);
    here.root.writeStore(records);
    here.root.write("in.jsonl", records.map((one) => JSON.stringify(one)).join("\n"));
  });

  it.each([
    ["sync"],
    ["mark", "--user", "u", "--to", "failed", "--yes"],
    ["import", "in.jsonl", "--skip-invalid", "--yes"],
  ])("%s refuses to fill an empty Redis", async (...args) => {
    const store = here.root.storeText();
    expect(await json(...args)).toMatchObject({
      code: "LAYOUT_MISMATCH",
      exit: 2,
      hint: expect.stringMatching("api_ms"),
    });
    expect([await here.server.dump(), here.root.storeText()]).toEqual([{}, store]);
  });
});
