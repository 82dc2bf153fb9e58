import { describe, expect, it } from "vitest";
import { usePlace } from "../../e2e/setup.ts";
import { ago, record } from "../../helpers/records.ts";
import type { RedisServer } from "../../helpers/redis.ts";
import type { RecordJson } from "../../helpers/root.ts";
import { putIntoRedis, scoreOf } from "../../promises/adapter.ts";
import { everyByte } from "../helpers/stores.ts";

/** What a hostile reader of the sources of `Owners`, `prune` and `purge` tries. After each: file, Redis, disk and exit code. */
const here = usePlace();
const server = () => here.server as unknown as RedisServer;
const put = (...records: RecordJson[]) => putIntoRedis(server(), ...records);
const T1 = record("alice", "t1");
const AUDIO = "output/alice/t1/t1.wav";
const young = (user: string, task: string, more: RecordJson = {}) => {
  return record(user, task, { created_at: ago(90), updated_at: ago(60), ...more });
};
const T2 = young("alice", "t2");
const ORPHANS = "cleanup --orphans --yes --max-delete 100%";

describe("the directory that the result of a kept record names is kept", () => {
  const FORMS = [
    "output//bob//..//alice//t1//t1.wav",
    "output/alice/t1/bob/t9/t1.wav",
    "https://tts/files?path=alice%2Ft1%2Ft1.wav",
    "https://tts/go?to=https%3A%2F%2Ftts%2Ffiles%3Fpath%3Dalice%252Ft1%252Ft1.wav",
    ["elsewhere.wav", AUDIO],
    { wav: { path: AUDIO } },
  ];
  it.each(FORMS)("%j", async (path) => {
    here.root.writeStore([T1, young("bob", "t9", { result_url: path })]);
    here.root.writeArtifacts([T1]);
    expect((await here.run("cleanup --once --no-redis")).code).toBe(0);
    expect(here.root.has(AUDIO)).toBe(true);
    expect(here.root.readStore()).toHaveLength(1);
  });

  it.each([
    ["cleanup --once", [T1]],
    [ORPHANS, []],
  ])("in a copy that is newer in Redis: %s", async (line, purged) => {
    const task = young("bob", "t9", { status: "running" });
    here.root.writeStore([...purged, task, T2]);
    here.root.writeArtifacts([T1, T2]);
    await put(...purged, T2, { ...task, status: "succeeded", updated_at: ago(30), result_path: `/srv/${AUDIO}` });
    const run = await here.run(line);
    expect(run.code, run.stderr).toBe(0);
    expect(here.root.has(AUDIO)).toBe(true);
  });

  it("in a record that only Redis has, of which the index was lost", async () => {
    here.root.writeStore([T1, T2]);
    here.root.writeArtifacts([T1]);
    await put(T1, T2, young("bob", "t9", { result_path: `/srv/${AUDIO}` }));
    await here.server.call("DEL", "tts:tasks:index");
    expect((await here.run("cleanup --once")).code).toBe(0);
    expect([here.root.has(AUDIO), here.root.readStore()]).toEqual([true, [T2]]);
  });

  it("below the directory of another task, where other tasks have theirs", async () => {
    const nested = (user: string) => young(user, "t2", { result_path: `/srv/output/alice/${user}/t2/t2.wav` });
    const [old, bob, carol] = [record("alice", "carol"), nested("bob"), nested("carol")];
    here.root.writeStore([bob, carol, old]);
    here.root.write("output/alice/carol/t2/t2.wav", "audio", 1_600_000_000);
    expect((await here.run("cleanup --once --no-redis")).code).toBe(0);
    expect([here.root.has("output/alice/carol/t2/t2.wav"), here.root.readStore()]).toEqual([true, [bob, carol]]);
  });

  it("in an invalid record", async () => {
    const invalid = young("bob", "t9", { updated_at: "soon", result_path: AUDIO });
    here.root.writeStore([T1, invalid]);
    here.root.writeArtifacts([T1]);
    expect((await here.run("cleanup --once --no-redis")).code).toBe(0);
    expect(here.root.has(AUDIO)).toBe(true);
    expect(here.root.readStore()).toEqual([invalid]);
  });

  it("a copy that is newer in Redis doesn't keep its own directory", async () => {
    here.root.writeStore([T1, T2]);
    here.root.writeArtifacts([T1, T2]);
    await put({ ...T1, updated_at: "2020-02-01T00:00:00", result_path: AUDIO }, T2);
    expect((await here.run("cleanup --once")).code).toBe(0);
    expect(here.root.has("output/alice/t1")).toBe(false);
    expect(here.root.readStore()).toEqual([T2]);
  });
});

interface Attack {
  readonly what: string;
  readonly line: string;
  readonly file?: unknown;
  readonly redis?: readonly RecordJson[];
  readonly more?: string;
  readonly prepare?: () => unknown;
  readonly code: number;
}

const INVALID = [{ ...T1, updated_at: "garbage" }, T2];
const BOTH = [T1, T2];
const lines = (...records: RecordJson[]) => records.map((one) => `${JSON.stringify(one)}\n`).join("");
const SOON = young("alice", "t1", { updated_at: ago(-40) });
const west = (seconds: number) => ago(seconds + 5 * 3600).slice(0, 19);
const WEST = [1, 2, 3].map((i) => record("west", `t${i}`, { created_at: west(i), updated_at: west(i) }));
/** The service is five hours west, and its scores are right. */
const inTheWest = async () => {
  for (const task of WEST) {
    for (const [key, member] of [
      ["tts:tasks:index", `west:${task.task_id}`],
      ["tts:user:west:index", task.task_id],
    ]) {
      await here.server.call("ZADD", key!, scoreOf(task) + 5 * 3600, member!);
    }
  }
};
const NUMBER = [T2, young("alice", "t1"), { ...young("", ""), user_id: 7, task_id: 17, status: "running" }];
const OLD = () => here.root.writeArtifacts([record("7", "17")]);
const loseIndex = () => here.server.call("DEL", "tts:tasks:index");
const loseMost = () => here.server.call("ZREMRANGEBYRANK", "tts:tasks:index", 1, -1);
const OTHERS = Array.from({ length: 5 }, (_, i) => young("zoe", `t${i}`));
const WRITES = ["cleanup --once", "sync", "mark --all --to error --yes", "delete --all --force --yes"];
/** Nothing at all may be changed by these. */
const HARMLESS: Attack[] = [
  ...["cleanup --once", ORPHANS, "verify --repair --prune --yes"].flatMap((line) => [
    { what: "a record that became invalid, and its good copy in Redis", line, file: INVALID, code: 0 },
    {
      ...{ what: "a number as an id", line, file: NUMBER, prepare: OLD, code: 0 },
      // A copy in Redis protects the directory from the search for orphans.
      redis: [T2, NUMBER[1]!, ...(line === ORPHANS ? [] : [record("7", "17")])],
    },
  ]),
  ...WRITES.flatMap((line) => [
    { what: "another service's Redis that lost its index", line, redis: OTHERS, prepare: loseIndex, code: 1 },
    { what: "the same, of which one task is listed again", line, redis: OTHERS, prepare: loseMost, code: 1 },
    {
      ...{ what: "a wrong zone, and a lost index", line, file: WEST, redis: WEST, code: 2 },
      prepare: async () => {
        await inTheWest();
        await loseIndex();
      },
    },
  ]),
  { what: "the same by its id", line: "mark --user alice --ids t1 --to failed --yes", file: INVALID, code: 3 },
  {
    what: "the same, of which Redis lacks an earlier deletion",
    ...{ line: "mark --user alice --ids t1 --to failed --yes", file: INVALID, code: 3 },
    prepare: () => here.root.write(".voice_task.json.ttsctl-owed", `${JSON.stringify({ ...T1, before: 2e9 })}\n`),
  },
  {
    what: "a task from the near future",
    ...{ line: "mark --user alice --ids t1 --to failed --yes", file: [SOON], redis: [SOON], code: 3 },
  },
  {
    what: "an import that would delete its task from JSON Lines",
    ...{ line: "import in.jsonl --yes", file: lines(T1, T2), code: 3 },
    prepare: () => here.root.write("in.jsonl", JSON.stringify([{ ...T1, updated_at: ago(5), deleted: true, a: [1] }])),
  },
  {
    what: "JSON Lines that end inside the only record of a task",
    ...{ line: ORPHANS, file: lines(T2) + lines(T1).slice(0, 80), redis: [T2], code: 1 },
  },
  ...["sync --prune --yes", "verify --repair --prune --yes", "sync --prune --dry-run"].map((line) => ({
    what: "JSON Lines that are cut inside a record, while Redis has more tasks",
    ...{ line, file: lines(T2) + lines(T1).slice(0, 80), code: 1 },
  })),
  { what: "output and logs in one", line: ORPHANS, more: "[paths]\nlogs = output\n", code: 1 },
  {
    what: "a wrong zone: an import, after which the scores would fit it",
    ...{ line: "import voice_task.json --yes", file: WEST, redis: WEST, prepare: inTheWest, code: 2 },
  },
];

describe("attacks that change nothing", () => {
  it.each(HARMLESS)("$what: $line", async ({ line, file = BOTH, redis = BOTH, more = "", prepare, code }) => {
    here.root.write("voice_task.json", typeof file === "string" ? file : JSON.stringify(file), 1_600_000_000);
    here.root.configure(here.server.port, more);
    here.root.writeArtifacts(BOTH);
    await put(...redis);
    await prepare?.();
    const before = await everyByte(here);
    const run = await here.run(line);
    expect(run.code, run.stderr).toBe(code);
    expect(await everyByte(here)).toEqual(before);
  });
});

describe("a newer copy in Redis whose payload is lost or old", () => {
  const OLDER = young("alice", "t2", { updated_at: ago(3600), size: 0 });
  const OTHER = young("bob", "t9", { updated_at: ago(0), size: 0 });
  it.each([null, '{"user_id": "al', JSON.stringify(OLDER), JSON.stringify(OTHER)])(
    "%s: a repair keeps the service's fields of the file's record",
    async (payload) => {
      const record = { ...T2, status: "running", result_path: "x", size: 1, list: [{ a: "}" }] };
      here.root.writeStore([record]);
      await put(record);
      const key = "tts:task:alice:t2";
      if (payload === null) await here.server.call("HDEL", key, "payload");
      else await here.server.call("HSET", key, "payload", payload);
      const updated_at = ago(1);
      await here.server.call("HSET", key, "status", "succeeded", "updated_at", updated_at);
      expect((await here.run("verify --repair --yes")).code).toBe(0);
      const repaired = { ...record, status: "succeeded", updated_at };
      expect(here.root.readStore()).toEqual([repaired]);
      expect(JSON.parse((await server().hash(key)).payload!)).toEqual(repaired);
    },
  );
});

describe("attacks on names", () => {
  it("a key of a map that another record has isn't overwritten by an import", async () => {
    here.root.write("voice_task.json", JSON.stringify({ "alice:t1": T2 }));
    here.root.write("in.jsonl", lines(T1));
    expect((await here.run("import in.jsonl --yes")).code).toBe(0);
    expect(Object.values(JSON.parse(here.root.storeText()))).toEqual([T2, T1]);
  });

  it("ids that differ only in Unicode form or by a trimmed space have their own directories", async () => {
    const records = [record("alice", "caf\u00e9"), young("alice", "cafe\u0301"), record("alice", "t2 "), T2];
    here.root.writeStore(records);
    here.root.writeArtifacts(records);
    await put(records[0]!, records[1]!, T2);
    expect((await here.run("cleanup --once")).code).toBe(0);
    expect((await here.run(ORPHANS)).code).toBe(0);
    const paths = ["caf\u00e9", "cafe\u0301", "t2", "t2 "].map((name) => here.root.has(`output/alice/${name}`));
    expect(paths).toEqual([false, true, true, true]);
  });
});
