import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parrotServer, redisProxy, silentServer, type TestServer, type Verdict } from "../../helpers/faults.ts";
import { ago, record } from "../../helpers/records.ts";
import { RedisServer } from "../../helpers/redis.ts";
import { ServiceRoot } from "../../helpers/root.ts";
import { putIntoRedis, run } from "../../promises/adapter.ts";

let server: RedisServer;
const others: TestServer[] = [];

beforeAll(async () => {
  server = await RedisServer.start();
});
afterAll(async () => {
  for (const other of others) await other.stop();
  await server.remove();
});

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

async function started(other: Promise<TestServer>): Promise<string> {
  const one = await other;
  others.push(one);
  return `redis://127.0.0.1:${one.port}/0`;
}

const withUser = (rules: string) => async () => {
  await server.call("ACL", "SETUSER", "limited", "reset", "on", ">right", "~*", "+@all", ...rules.split(" "));
  return `redis://limited:right@127.0.0.1:${server.port}/0`;
};
const atTime = (verdict: Verdict) => () =>
  started(redisProxy(server.port, async (sent) => (/ZRANDMEMBER/i.test(sent) ? verdict : "pass")));
const parrot = (line: string) => () => started(parrotServer(line, line.startsWith("-LOADING") ? line : "+PONG"));

/** `answers`: with an error, to all that need what it refuses. */
const UNHELPFUL: { what: string; url: () => Promise<string>; answers: boolean; only?: RegExp }[] = [
  { what: "allows no TIME", url: withUser("-time"), answers: true, only: /^(cleanup|mark)/ },
  { what: "allows no ZRANDMEMBER", url: withUser("-zrandmember"), answers: true },
  { what: "allows no HMGET", url: withUser("-hmget"), answers: true },
  { what: "allows no ZRANGE", url: withUser("-zrange"), answers: true },
  { what: "allows no PING", url: withUser("-ping"), answers: true },
  { what: "refuses the password", url: async () => `redis://:wrong@127.0.0.1:${server.port}/0`, answers: true },
  { what: "is busy with a script", url: parrot("-BUSY Redis is busy running a script."), answers: true },
  { what: "is loading", url: parrot("-LOADING Redis is loading the dataset in memory"), answers: true },
  { what: "says OK to everything", url: async () => started(parrotServer("+OK", "+PONG")), answers: true },
  { what: "refuses connections", url: async () => "redis://127.0.0.1:1/0", answers: false },
  { what: "says nothing", url: () => started(silentServer()), answers: false },
  { what: "closes the connection during the checks", url: atTime("cut"), answers: false },
  { what: "stops answering during the checks", url: atTime("deaf"), answers: false },
];
const SHAPES = ["array", "lines"] as const;

describe.each(SHAPES)("a store of shape %s, and a Redis that", (shape) => {
  describe.each(UNHELPFUL)("$what", ({ url, answers, only = /./ }) => {
    it.each(COMMANDS)("%s changes nothing, or names what it left out", async (line) => {
      const root = new ServiceRoot(server.port, "[cleanup]\nretention = 1d\n");
      try {
        const records = [...OLD, YOUNG];
        const text = shape === "array" ? JSON.stringify(records) : records.map((one) => JSON.stringify(one)).join("\n");
        root.write("voice_task.json", `${text}\n`, 1_600_000_000);
        root.write("in.jsonl", `${JSON.stringify(record("carol", "t3"))}\n`);
        root.writeArtifacts([...OLD, record("alice", "orphan")]);
        await server.call("FLUSHALL");
        await putIntoRedis(server, RUNNING, OLD[1]!, YOUNG);
        const before = { tree: root.tree(), redis: await server.dump() };
        root.configure(server.port, `url = ${await url()}\ntimeout = 200ms\n[cleanup]\nretention = 1d\n`);
        const config = root.tree()["config.ini"]!.replace(/^\[service\]\ntimezone = UTC\n/m, "");
        root.write("config.ini", `${config.replace(/^(host|port|db) = .*\n/gm, "")}[service]\ntimezone = UTC\n`);
        const { code, stderr, json } = await run(root, line.split(" "));
        const after = { tree: root.tree(), redis: await server.dump() };
        const isUnchanged = () => {
          expect({ ...after, tree: { ...after.tree, "config.ini": "" } }, stderr).toEqual({
            ...before,
            tree: { ...before.tree, "config.ini": "" },
          });
        };
        if (answers && only.test(line)) {
          expect([code, `${json.code}`], stderr).toEqual([4, expect.stringMatching(/^REDIS_/)]);
          isUnchanged();
        } else if (!answers && ALONE.test(line)) {
          expect(code, stderr).toBe(3);
          expect(stderr).toContain("not checked: ");
          expect(after.redis).toEqual(before.redis);
        } else if (!answers) {
          expect(code, stderr).toBe(4);
          isUnchanged();
        } else expect([0, 3], stderr).toContain(code);
      } finally {
        root.remove();
      }
    });
  });
});
