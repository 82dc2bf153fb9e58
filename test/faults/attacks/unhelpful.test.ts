import { describe, expect, it, onTestFinished } from "vitest";
import { openTaskStore } from "../../../src/library/index.ts";
import { usePlace } from "../../e2e/setup.ts";
import { parrotServer, redisProxy, silentServer, type TestServer, type Verdict } from "../../helpers/faults.ts";
import { ago, record } from "../../helpers/records.ts";
import { lines } from "../../helpers/ttsctl.ts";
import { Served } from "../../http/setup.ts";
import { drawn } from "../helpers/chance.ts";
import { everyByte } from "../helpers/stores.ts";
import { triedFault } from "../helpers/tally.ts";
import { Watcher } from "../helpers/watcher.ts";

const here = usePlace();
const OLD = [record("alice", "t1"), record("alice", "t2")];
const RUNNING = { ...OLD[0]!, status: "running", updated_at: ago(60) };
const YOUNG = record("bob", "young", { updated_at: ago(60) });
const COMMANDS = [
  "cleanup --once",
  "cleanup --orphans --yes --max-delete 100%",
  "delete --user alice --ids t2 --yes",
  "mark --user alice --ids t2 --to failed --yes",
  "import in.jsonl --yes",
  "sync",
  "verify --repair",
];
/** Those that work on the file if Redis can't be reached. */
const ALONE = /^(cleanup --once|delete|mark|import)/;
const TIMEOUT_MS = 200;
/** What a command needs to start and end on a busy machine, besides the timeout and its second. */
const STARTING_MS = 5000;

async function started(other: Promise<TestServer>): Promise<string> {
  const one = await other;
  onTestFinished(() => one.stop());
  return one.url;
}

const withUser = (rules: string) => async () => {
  await here.server.call("ACL", "SETUSER", "limited", "reset", "on", ">right", "~*", "+@all", ...rules.split(" "));
  return `redis://limited:right@127.0.0.1:${here.server.port}/0`;
};
const atTime = (verdict: Verdict) => () =>
  started(redisProxy(here.server.port, async (sent) => (/ZRANDMEMBER/i.test(sent) ? verdict : "pass")));
const parrot = (line: string) => () => started(parrotServer(line, line.startsWith("-") ? line : "+PONG"));

/** `answers`: with an error, to all that need what it refuses. */
const UNHELPFUL: { what: string; url: () => Promise<string>; code: string; answers: boolean; only?: RegExp }[] = [
  ...[
    { what: "allows no TIME", url: withUser("-time"), code: "REDIS_DENIED", only: /^(cleanup|mark)/ },
    { what: "allows no ZRANDMEMBER", url: withUser("-zrandmember"), code: "REDIS_DENIED" },
    { what: "allows no HMGET", url: withUser("-hmget"), code: "REDIS_DENIED" },
    { what: "allows no ZRANGE", url: withUser("-zrange"), code: "REDIS_DENIED" },
    { what: "allows no scripts", url: withUser("-@scripting"), code: "REDIS_DENIED", only: /^$/ },
    { what: "allows no keys", url: withUser("resetkeys"), code: "REDIS_DENIED" },
    { what: "allows no PING", url: withUser("-ping"), code: "REDIS_DENIED" },
    {
      what: "refuses the password",
      url: async () => (await withUser("+@all")()).replace("right", "wrong"),
      code: "REDIS_AUTH",
    },
    { what: "wants a password", url: parrot("-NOAUTH Authentication required."), code: "REDIS_AUTH" },
    { what: "is busy with a script", url: parrot("-BUSY Redis is busy running a script."), code: "REDIS_FAILED" },
    { what: "is loading", url: parrot("-LOADING Redis is loading the dataset in memory"), code: "REDIS_LOADING" },
    { what: "says OK to everything", url: parrot("+OK"), code: "REDIS_UNAVAILABLE" },
  ].map((one) => ({ ...one, answers: true })),
  ...[
    { what: "refuses connections", url: async () => "redis://127.0.0.1:1/0", code: "REDIS_UNAVAILABLE" },
    { what: "says nothing", url: () => started(silentServer()), code: "REDIS_TIMEOUT" },
    { what: "closes the connection during the checks", url: atTime("cut"), code: "REDIS_UNAVAILABLE" },
    { what: "stops answering during the checks", url: atTime("deaf"), code: "REDIS_TIMEOUT" },
  ].map((one) => ({ ...one, answers: false })),
];

function configure(url: string): void {
  const redis = `[redis]\nurl = ${url}\ntimeout = ${TIMEOUT_MS}ms\n`;
  here.root.write("config.ini", `${redis}[cleanup]\nretention = 1d\n[service]\ntimezone = UTC\n`);
}

describe.each(drawn("shape", ["array", "lines"]))("a store of shape %s, and a Redis that", (shape) => {
  describe.each(UNHELPFUL)("$what", ({ what, url, answers, code, only = /./ }) => {
    it.each(COMMANDS)("%s changes nothing, or names what it left out", async (line) => {
      const records = [...OLD, YOUNG];
      const text = shape === "array" ? JSON.stringify(records) : records.map((one) => JSON.stringify(one)).join("\n");
      here.root.write("voice_task.json", `${text}\n`, 1_600_000_000);
      here.root.write("in.jsonl", `${JSON.stringify(record("carol", "t3"))}\n`);
      here.root.writeArtifacts([...OLD, record("alice", "orphan")]);
      await here.mirrored(RUNNING, OLD[1]!, YOUNG);
      configure(await url());
      const before = await everyByte(here);
      const run = await here.run(`${line} -o json`);
      triedFault();
      const after = await everyByte(here);
      if (!answers) expect(run.ms).toBeLessThan(TIMEOUT_MS + 1000 + STARTING_MS);
      if (!answers && ALONE.test(line)) {
        expect([run.code, run.stderr]).toEqual([3, expect.stringContaining("not checked: ")]);
        expect(after.redis).toEqual(before.redis);
      } else if (!answers || only.test(line)) {
        expect([run.code, lines(run.stderr).length], run.stderr).toEqual([4, 1]);
        expect(JSON.parse(run.stderr)).toMatchObject({ code, hint: what.includes("busy") ? null : expect.any(String) });
        expect(after).toEqual(before);
      } else {
        expect([0, 3, 4], run.stderr).toContain(run.code);
        if (what.endsWith("scripts")) expect(after.redis).toMatchObject(before.redis);
      }
    });
  });
});

describe("long-lived processes", () => {
  it("a watcher that starts beside a Redis that is loading purges nothing, and all in its next pass", async () => {
    here.root.writeStore([...OLD, YOUNG]);
    await here.mirrored(...OLD, YOUNG);
    let isLoading = true;
    const loading = (answer: string) => (isLoading ? "-LOADING Redis is loading the dataset in memory\r\n" : answer);
    configure(await started(redisProxy(here.server.port, () => "pass", loading)));
    const watcher = new Watcher(here.root.path);
    try {
      expect(await watcher.first()).toMatchObject({ code: "REDIS_LOADING" });
      expect(here.root.readStore()).toEqual([...OLD, YOUNG]);
      isLoading = false;
      expect(await watcher.next()).toMatchObject({ result: { purged: 2 } });
      expect(here.root.readStore()).toEqual([YOUNG]);
    } finally {
      await watcher.stop();
    }
  });

  it.each([[[]], [["--no-sync"]]])("serve %j beside the Redis of another service leaves Redis alone", async (args) => {
    here.root.writeStore(OLD);
    await here.mirrored(...Array.from({ length: 6 }, (_, i) => record("other", `x${i}`)));
    // One task is in the file again, and the other service has one of the name of the other.
    const owed = ["alice:t1", "other:x1"].map((name) => name.split(":"));
    const before = Date.now() / 1000;
    const lines = owed.map(([user_id, task_id]) => JSON.stringify({ user_id, task_id, before }));
    here.root.write(".voice_task.json.ttsctl-owed", `${lines.join("\n")}\n`);
    const { redis } = await everyByte(here);
    const served = await Served.start(here.root.path, args);
    try {
      expect(await served.json("/voice-tasks")).toMatchObject({ source: "file", total: OLD.length });
      expect((await served.fetch("/voice-tasks/t1?user_id=alice", { method: "DELETE" })).ok).toBe(false);
      expect(here.root.readStore()).toEqual(OLD);
    } finally {
      await served.stop();
    }
    expect((await everyByte(here)).redis).toEqual(redis);
  });

  it("the library goes on with the file for a user without the rights to the checks", async () => {
    const redis = await withUser("-time -zrandmember -hmget -@scripting")();
    const store = await openTaskStore({ store: here.root.store, redis, timezone: "UTC" });
    try {
      expect(await store.upsert(RUNNING)).toMatchObject({ state: "written", redis: { state: "failed" } });
      expect(here.root.readStore()).toHaveLength(1);
    } finally {
      await store.close();
    }
  });
});
