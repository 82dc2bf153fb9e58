import { beforeEach, describe, expect, it } from "vitest";
import { openTaskStore } from "../../src/library/index.ts";
import { fileNameOf } from "../../src/task/rules.ts";
import { usePlace } from "../e2e/setup.ts";
import type { RecordJson } from "../helpers/root.ts";
import { until } from "../helpers/until.ts";
import { Served } from "../http/setup.ts";
import { ApiMsService } from "./api-ms-service.ts";

const here = usePlace();
const OLD = 1_600_000_000;
const IDS: readonly [string, string][] = [
  ["alice", "t1"],
  ["a:b", "c:d"],
  ["张 三", "任务 1"],
  ["100%", "50%25"],
  ["a/b+c", "../x"],
  ["{x}", "🙂"],
  ["e\u0301", "é"],
  ["a b", "t~1.-_"],
];

let service: ApiMsService;

beforeEach(() => {
  const redis = `[redis]\nport = ${here.server.port}\nlayout = api_ms\n`;
  here.root.write("config.ini", `${redis}[service]\ntimezone = UTC\n`);
  service = new ApiMsService(here.root.path, here.server.port);
});

/** As the service keeps one. */
function record(user: string, task: string, more: RecordJson = {}): RecordJson {
  return {
    ...{ task_id: task, user_id: user, status: "succeeded", progress: 100, segments_done: 2, total_segments: 2 },
    ...{ result_url: `/files/${task}`, error: null, created_at: OLD, updated_at: OLD + 5, text: "你好，世界" },
    ...more,
  };
}

const all = () => IDS.map(([user, task], i) => record(user, task, { updated_at: OLD + Math.floor(i / 3) }));
const json = async (...args: string[]) => {
  const run = await here.runArgs([...args, "-o", "json"]);
  return { ...JSON.parse(run.stdout || run.stderr), exit: run.code, warnings: run.stderr };
};
const idsOf = (items: RecordJson[]) => items.map(({ user_id, task_id }) => `${user_id} ${task_id}`);
const artifacts = (user: string, task: string, age = OLD) => {
  here.root.write(`output/${fileNameOf(user)}/${fileNameOf(task)}/audio.wav`, "x".repeat(100));
  here.root.write(`Logs/20200101/08/${fileNameOf(task)}.log`, "y".repeat(10));
  here.root.age(age);
};
const folder = (user: string, task: string) => `output/${fileNameOf(user)}/${fileNameOf(task)}`;

describe("ttsctl's writes", () => {
  it("are whole seconds, also of ISO times with a fraction", async () => {
    here.root.writeStore([record("u", "t", { updated_at: "2020-01-01T00:00:05.75+00:00", created_at: null })]);
    await json("sync");
    expect(await here.server.call("ZSCORE", "tts:tasks:index", "u:t")).toBe("1577836805");
    const times = await here.server.call("HMGET", "tts:task:u:t", "updated_at", "created_at");
    expect(times).toEqual(["1577836805", "1577836805"]);
    expect(await json("verify")).toMatchObject({ inSync: 1 });
  });

  it("is a mark that the service sees", async () => {
    service.write(...all().map((one) => ({ ...one, status: "running" })));
    expect(await json("mark", "--user", "a:b", "--to", "failed", "--yes")).toMatchObject({ exit: 0 });
    const view = service.read();
    expect([view.problems, view.byId["c:d"]?.status]).toEqual([[], "failed"]);
    expect(await json("verify")).toMatchObject({ inSync: IDS.length });
  });
});

describe("lookups", () => {
  const lookup = (task: string) => here.server.call("GET", `tts:task_lookup:${task}`);

  it("that are missing, wrong or dangling are drift, and are repaired", async () => {
    service.write(record("u", "t1"), record("u", "t2"), record("u", "t3"));
    await here.server.call("DEL", "tts:task_lookup:t1");
    await here.server.call("SET", "tts:task_lookup:t2", "mallory");
    await here.server.call("SET", "tts:task_lookup:gone", "u");
    expect(await json("verify")).toMatchObject({ unindexed: 2, dangling: 2, inSync: 1, exit: 3 });
    expect(await json("verify", "--repair", "--yes")).toMatchObject({ repaired: 4 });
    expect([await lookup("t1"), await lookup("t2"), await lookup("gone")]).toEqual(["u", "u", null]);
    expect(service.read().problems).toEqual([]);
  });

  it("lead to the newest of tasks that share an id, with a warning", async () => {
    here.root.writeStore([record("old", "t"), record("new", "t", { updated_at: OLD + 50 }), record("x", "y")]);
    await json("sync");
    expect(await lookup("t")).toBe("new");
    const verify = await json("verify");
    expect([verify.inSync, verify.warnings]).toEqual([
      3,
      expect.stringMatching(/1 task id of more than one user.*"t"/),
    ]);
    const { checks } = await json("doctor");
    expect(checks.find(({ check }: { check: string }) => check === "tasks.shared_ids")).toMatchObject({
      status: "warn",
    });
    expect(await json("delete", "--user", "old", "--ids", "t", "--yes")).toMatchObject({ deleted: 1 });
    expect(await lookup("t")).toBe("new");
    expect(service.read().problems).toEqual([]);
  });

  it("lead to the other task of an id after the first sync since the newest was removed", async () => {
    const old = record("old", "t");
    here.root.writeStore([old, record("new", "t", { updated_at: OLD + 50 }), record("x", "y")]);
    await json("sync");
    expect(await lookup("t")).toBe("new");
    expect(await json("delete", "--user", "new", "--ids", "t", "--yes")).toMatchObject({ deleted: 1 });
    await json("sync");
    expect([await lookup("t"), service.read().problems]).toEqual(["old", []]);
  });
});

describe("another layout in Redis than in config.ini", () => {
  const refused = async (...args: string[]) => {
    const before = await here.server.dump();
    const store = here.root.storeText();
    expect(await json(...args)).toMatchObject({ code: "LAYOUT_MISMATCH", exit: 2 });
    expect([await here.server.dump(), here.root.storeText()]).toEqual([before, store]);
  };
  const commands = [
    ["sync"],
    ["sync", "--prune", "--yes"],
    ["cleanup", "--once", "--retention", "1d"],
    ["delete", "--user", "alice", "--yes"],
    ["mark", "--user", "alice", "--to", "failed", "--yes"],
    ["verify", "--repair", "--prune", "--yes"],
  ];

  it.each(commands)("%s %s refuses beside the service's data", async (...args) => {
    service.write(...all());
    here.root.configure(here.server.port);
    await refused(...args.filter((arg) => arg !== undefined));
    const { checks } = await json("doctor");
    const finding = checks.find(({ check }: { check: string }) => check === "layout");
    expect(finding).toMatchObject({ status: "fail", hint: expect.stringContaining("layout = api_ms") });
  });
});

describe("a server in this layout", () => {
  it("serves users with colons and their audio, and deletes with the lookup", async () => {
    service.write(record("a:b", "c:d"), record("u", "t"));
    artifacts("a:b", "c:d");
    const server = await Served.start(here.root.path, ["--no-cleanup"]);
    try {
      expect(await server.json("/voice-tasks/c:d?user_id=a:b")).toMatchObject({ user_id: "a:b", task_id: "c:d" });
      // The file answers until the sync at the start is done.
      const page = async () => (await server.json("/voice-tasks?user_id=a:b")) as { source: string };
      await until(async () => (await page()).source === "redis");
      expect(await page()).toMatchObject({ total: 1 });
      const audio = await server.fetch(`/output/${encodeURIComponent("a:b")}/${encodeURIComponent("c:d")}/audio.wav`);
      expect([audio.status, (await audio.text()).length]).toEqual([200, 100]);
      const gone = await server.fetch("/voice-tasks/c:d?user_id=a:b", { method: "DELETE" });
      expect([gone.status, here.root.has(folder("a:b", "c:d"))]).toEqual([200, false]);
      expect([service.read().problems, idsOf(service.read().all)]).toEqual([[], ["u t"]]);
    } finally {
      await server.stop();
    }
  });
});

it("needs the rights to lookups, and doctor says so", async () => {
  service.write(record("u", "t"));
  await here.server.call(
    "ACL",
    "SETUSER",
    "tts",
    "on",
    ">pw",
    "~tts:task:*",
    "~tts:tasks:*",
    "~tts:user:*",
    "~tts:ttsctl:*",
    "+@all",
  );
  const { checks } = await (async () => {
    const run = await here.runArgs(["doctor", "-o", "json"], { env: { REDIS_USERNAME: "tts", REDIS_PASSWORD: "pw" } });
    return JSON.parse(run.stdout);
  })();
  const rights = checks.find(({ check }: { check: string }) => check === "redis.rights");
  expect(rights).toMatchObject({ status: "fail", detail: expect.stringContaining("tts:task_lookup:*") });
  await here.server.call("ACL", "DELUSER", "tts");
});

describe("a program with the library", () => {
  it("writes and deletes in the service's layout", async () => {
    const config = here.root.at("config.ini");
    const store = await openTaskStore({ config });
    try {
      for (const one of all())
        expect(await store.upsert(JSON.stringify(one))).toEqual({ state: "written", redis: { state: "written" } });
      const again = record("a:b", "c:d", { status: "running" }); // in the same second
      await store.upsert(JSON.stringify({ ...again, updated_at: OLD }));
      expect(service.read()).toMatchObject({ problems: [], byId: { "c:d": { status: "running" } } });
      expect(await store.delete("a:b", "c:d")).toEqual({ state: "removed", redis: { state: "removed" } });
      expect(await store.get("张 三", "任务 1")).toMatchObject({ userId: "张 三" });
      const view = service.read();
      expect([view.problems, view.all.length]).toEqual([[], IDS.length - 1]);
    } finally {
      await store.close();
    }
  });
});
