import { symlinkSync } from "node:fs";
import { afterEach, describe, expect, it } from "vitest";
import { openTaskStore } from "../../../src/library/index.ts";
import { usePlace } from "../../e2e/setup.ts";
import { TestClock } from "../../helpers/clock.ts";
import { redisProxy, type TestServer } from "../../helpers/faults.ts";
import { ago, record } from "../../helpers/records.ts";
import type { RedisServer } from "../../helpers/redis.ts";
import type { RecordJson } from "../../helpers/root.ts";
import { lines } from "../../helpers/ttsctl.ts";
import { Served } from "../../http/setup.ts";
import { putIntoRedis } from "../../promises/adapter.ts";
import { Watcher } from "../helpers/watcher.ts";

/** What a hostile reader of the sources of `newer` and `preflight` tries. After each: file, Redis, disk and exit code. */
const here = usePlace();
const server = () => here.server as unknown as RedisServer;
const DAY = 86_400;
const OLD = [record("alice", "t1"), record("alice", "t2")];
const RUNNING = { ...OLD[0]!, status: "running", updated_at: ago(60) };
const WEEK = [1, 2, 3].map((day) => record("bob", `day${day}`, { updated_at: ago(day * DAY) }));
const ELSEWHERE = Array.from({ length: 6 }, (_, i) => record("other", `x${i}`));
const ALL = [...OLD, ...WEEK];

const proxies: TestServer[] = [];
afterEach(async () => {
  for (const proxy of proxies.splice(0)) await proxy.stop();
});

/** A Redis that answers with an error from the first piece on that matches. */
async function refusingFrom(first: RegExp, error: string): Promise<Record<string, string>> {
  let refuses = false;
  let asked = 0;
  const judge = async (sent: string) => {
    refuses ||= first.test(sent);
    asked = (sent.match(/^\*\d+\r$/gm) ?? []).length;
    return "pass" as const;
  };
  const change = (answer: string) => (refuses ? `${error}\r\n`.repeat(asked) : answer);
  const proxy = await redisProxy(here.server.port, judge, change);
  proxies.push(proxy);
  return { REDIS_URL: `redis://127.0.0.1:${proxy.port}/0` };
}

async function envWithout(...commands: string[]): Promise<Record<string, string>> {
  const rules = commands.map((command) => `-${command}`);
  await here.server.call("ACL", "SETUSER", "limited", "reset", "on", ">right", "~*", "+@all", ...rules);
  return { REDIS_USERNAME: "limited", REDIS_PASSWORD: "right" };
}

const everything = async () => ({ tree: here.root.tree(), redis: await here.server.dump() });

interface Attack {
  readonly what: string;
  readonly line: string;
  /** Null: no file. */
  readonly file?: string | null;
  readonly redis?: readonly RecordJson[];
  readonly env?: () => Promise<Record<string, string>> | Record<string, string>;
  readonly prepare?: () => unknown;
  /** Seconds that this machine's clock is ahead. */
  readonly ahead?: number;
  readonly code: number;
  /** Error code on stderr. */
  readonly says?: string;
}

/** Nothing at all may be changed by these. */
const REFUSED: Attack[] = [
  {
    what: "a clock 8 days ahead, and a user without +time: the last week stays",
    ...{ line: "cleanup --once", ahead: 8 * DAY, env: () => envWithout("time"), code: 4, says: "REDIS_DENIED" },
  },
  {
    what: "the same for orphans",
    ...{ line: "cleanup --orphans --yes --max-delete 100%", ahead: 8 * DAY, env: () => envWithout("time"), code: 4 },
  },
  { what: "a clock 8 days ahead", line: "cleanup --once", ahead: 8 * DAY, code: 1, says: "CLOCK_SKEW" },
  {
    what: "a script that blocks Redis from the second look on: a task that runs again keeps record and audio",
    ...{ line: "cleanup --once", env: () => refusingFrom(/ZRANGE.*BYSCORE/s, "-BUSY Redis is busy"), code: 4 },
  },
  {
    what: "an error to all that is asked after the clock",
    ...{
      line: "delete --user alice --yes --force",
      env: () => refusingFrom(/ZRANDMEMBER/, "-BUSY Redis is busy"),
      code: 4,
    },
  },
  {
    what: "the Redis of another service whose tasks have all expired",
    ...{ line: "cleanup --once", redis: ELSEWHERE, code: 1, says: "STORE_MISMATCH" },
  },
  { what: "the same, by sync", line: "sync", redis: ELSEWHERE, code: 1, says: "STORE_MISMATCH" },
  {
    what: "the same, by sync --prune with --allow-mismatch: the brake",
    ...{ line: "sync --prune --yes --allow-mismatch", redis: ELSEWHERE, code: 1, says: "MAX_DELETE_EXCEEDED" },
  },
  {
    what: "the same, by verify --repair --restore into a file that has tasks",
    ...{ line: "verify --repair --restore --yes", redis: ELSEWHERE, code: 1, says: "STORE_MISMATCH" },
  },
  {
    what: "a file of tombstones alone is empty",
    ...{ line: "cleanup --once", file: '{"user_id":"a","task_id":"t","deleted":true}\n', code: 1, says: "STORE_EMPTY" },
  },
  { what: "no file, by sync", line: "sync", file: null, redis: ELSEWHERE, code: 1, says: "STORE_EMPTY" },
  { what: "no file, by mark", line: "mark --user other --to failed --yes", file: null, redis: ELSEWHERE, code: 1 },
  {
    what: "an index of another type",
    ...{ line: "cleanup --once", prepare: () => here.server.call("SET", "tts:tasks:index", "x"), redis: [], code: 4 },
  },
  {
    what: "a backup that is a link to the file of the rewrite",
    line: "cleanup --once --backup link",
    prepare: () => symlinkSync(".voice_task.json.ttsctl", here.root.at("link")),
    ...{ code: 1, says: "BACKUP_FAILED" },
  },
  {
    what: "metrics in a lock, by another way to the directory",
    ...{ line: "cleanup --once --metrics-file ./output/../.voice_task.json.run.lock", code: 2, says: "USAGE" },
  },
  { what: "an export over the spool file", line: "export --to .voice_task.json.spool", code: 2, says: "USAGE" },
];

describe("attacks that change nothing", () => {
  it.each(REFUSED)("$what: $line", async (attack) => {
    const { line, file = JSON.stringify(ALL), redis = [RUNNING, OLD[1]!, ...WEEK], code, says, ahead = 0 } = attack;
    if (file !== null) here.root.write("voice_task.json", file, 1_600_000_000);
    here.root.writeArtifacts([...ALL, record("alice", "orphan")]);
    if (redis.length > 0) await putIntoRedis(server(), ...redis);
    await attack.prepare?.();
    const env = (await attack.env?.()) ?? {};
    const before = await everything();
    const run = await here.run(`${line} -o json`, { env, clock: new TestClock({ shift: ahead }) });
    expect(run.code, run.stderr).toBe(code);
    if (says !== undefined) expect(JSON.parse(lines(run.stderr).at(-1)!)).toMatchObject({ code: says });
    const after = await everything();
    delete after.redis["tts:ttsctl:syncing"];
    expect(after).toEqual(before);
  });
});

describe("everyday cases that go on", () => {
  it("the first sync into an empty Redis, and an empty file beside an empty Redis", async () => {
    here.root.write("voice_task.json", "[]");
    expect((await here.run("sync")).code).toBe(0);
    expect((await here.run("cleanup --once")).code).toBe(0);
    here.root.writeStore(ALL);
    expect((await here.run("sync")).code).toBe(0);
    expect(await here.server.call("ZCARD", "tts:tasks:index")).toBe(ALL.length);
  });

  it("an import of a backup into a lost file, beside the Redis that has its tasks", async () => {
    here.root.write("in.jsonl", ALL.map((task) => `${JSON.stringify(task)}\n`).join(""));
    await putIntoRedis(server(), ...ALL);
    const run = await here.run("import in.jsonl --yes");
    expect(run.code, run.stderr).toBe(0);
    expect(here.root.readStore()).toHaveLength(ALL.length);
  });
});

describe("long-lived processes", () => {
  /** A Redis that answers LOADING until a test ends that. */
  async function loading() {
    let isLoading = true;
    const end = () => {
      isLoading = false;
    };
    const proxy = await redisProxy(
      here.server.port,
      async () => "pass" as const,
      (answer) => (isLoading ? "-LOADING Redis is loading the dataset in memory\r\n" : answer),
    );
    proxies.push(proxy);
    here.root.write("config.ini", `[redis]\nurl = redis://127.0.0.1:${proxy.port}/0\n[service]\ntimezone = UTC\n`);
    return { url: `redis://127.0.0.1:${proxy.port}/0`, end };
  }

  it("a watcher that starts beside a Redis that is loading purges nothing, and all in its next pass", async () => {
    here.root.writeStore(ALL);
    await putIntoRedis(server(), ...ALL);
    const redis = await loading();
    const watcher = new Watcher(here.root.path, undefined, "--retention", "10d");
    try {
      expect(await watcher.first()).toMatchObject({ code: "REDIS_LOADING" });
      expect(here.root.readStore()).toEqual(ALL);
      redis.end();
      expect(await watcher.next()).toMatchObject({ result: { purged: 2 } });
      expect(here.root.readStore()).toEqual(WEEK);
    } finally {
      await watcher.stop();
    }
  });

  it("serve beside the Redis of another service answers from the file, and leaves Redis alone", async () => {
    here.root.writeStore(ALL);
    await putIntoRedis(server(), ...ELSEWHERE);
    const before = await here.server.dump();
    const served = await Served.start(here.root.path, []);
    try {
      const page = await served.json("/voice-tasks");
      expect(page).toMatchObject({ source: "file", total: ALL.length });
      const path = "/voice-tasks/t1?user_id=alice";
      const refused = await served.fetch(path, { method: "DELETE", headers: { "content-type": "application/json" } });
      expect(refused.ok).toBe(false);
      expect(here.root.readStore()).toEqual(ALL);
    } finally {
      await served.stop();
    }
    const after = await here.server.dump();
    delete after["tts:ttsctl:syncing"];
    expect(after).toEqual(before);
  });

  it.each(["time", "zrandmember", "hmget"])(
    "the library goes on with the file for a user without +%s",
    async (command) => {
      await envWithout(command, "eval", "evalsha");
      const redis = { port: here.server.port, username: "limited", password: "right", timeout: "500ms" };
      const store = await openTaskStore({ store: here.root.store, redis, timezone: "UTC" });
      try {
        const written = await store.upsert({ ...RUNNING, status: "queued" });
        expect(written).toMatchObject({ state: "written", redis: { state: "failed" } });
        expect(here.root.readStore()).toHaveLength(1);
      } finally {
        await store.close();
      }
    },
  );
});
