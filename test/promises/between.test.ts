import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { redisProxy, type TestServer } from "../helpers/faults.ts";
import { lacks } from "../helpers/lacks.ts";
import { everyNth } from "../helpers/long.ts";
import { ago, record } from "../helpers/records.ts";
import { RedisServer } from "../helpers/redis.ts";
import { type RecordJson, ServiceRoot } from "../helpers/root.ts";
import { until } from "../helpers/until.ts";
import { injected, putIntoRedis, run, scoreOf, settled } from "./adapter.ts";

let server: RedisServer;
let proxy: TestServer;
/** What happens before one of the packets of a command to Redis, and the packets so far. */
let happens = async (_packet: number) => {};
let packets = 0;
/** Whether it happens after the command has ended. */
let isOver = false;
let root: ServiceRoot;

beforeAll(async () => {
  server = await RedisServer.start();
  proxy = await redisProxy(server.port, async (sent) => {
    if (/tts:(?!ttsctl)/.test(sent)) await happens(++packets);
    return "pass" as const;
  });
});
afterAll(async () => {
  await proxy.stop();
  await server.remove();
});
afterEach(() => root.remove());

const A = record("alice", "t1", { text: "A" });
const B = record("alice", "t2");
const KEY = "tts:task:alice:t1";

/** The stores, with the artifacts of all tasks. */
async function lay({ file, redis, input = [] }: Case): Promise<void> {
  root?.remove();
  root = new ServiceRoot(proxy.port, "[cleanup]\nretention = 1d\n");
  root.writeStore(file);
  root.writeArtifacts([A, B]);
  root.write("in.jsonl", input.map((task) => `${JSON.stringify(task)}\n`).join(""));
  await server.call("FLUSHALL");
  await putIntoRedis(server, ...redis);
  [packets, happens, interrupt] = [0, async () => {}, new AbortController()];
}

/** As a service does, but as if long ago: or it would be watched. */
function replaceStore(records: readonly RecordJson[]): void {
  root.write("voice_task.tmp", JSON.stringify(records), 1_600_000_001);
  root.rename("voice_task.tmp", "voice_task.json");
}

/** Of the command that runs. */
let interrupt = new AbortController();
const runLine = (line: string) => run(root, line.split(" "), interrupt.signal);
const inFile = () => root.readStore().find(({ task_id }) => task_id === "t1");
const payload = async () => JSON.parse((await server.hash(KEY)).payload ?? "null") as RecordJson | null;

interface Case {
  readonly line: string;
  readonly file: readonly RecordJson[];
  readonly redis: readonly RecordJson[];
  readonly input?: readonly RecordJson[];
}

/**
 * Runs the command once for each of its calls to Redis (in a short run for every other), with something happening just
 * before that call, or after it ended.
 * @param check looks at what is there then
 */
async function atEachCall(
  one: Case,
  event: () => unknown,
  check: (code: number, result: Record<string, unknown>) => unknown,
  { last, step = 2 }: { last?: number; step?: number } = {},
): Promise<void> {
  await lay(one);
  const calm = await runLine(one.line);
  expect(calm.code, calm.stderr).toBe(0);
  const count = last ?? packets;
  for (const at of new Set([...everyNth(step, 1, count + 1), ...(last === undefined ? [] : [last])])) {
    await lay(one);
    happens = async (packet) => void (packet === at && (await event()));
    const { code, stderr, json } = await runLine(one.line);
    isOver = packets < at;
    if (isOver) await event();
    try {
      expect([0, 3, 130], stderr).toContain(code);
      await check(code, json);
    } catch (error) {
      throw new Error(`before call ${at} of ${count}`, { cause: error });
    }
  }
}

const older = { ...A, updated_at: "2019-01-01T00:00:00", text: "older" };
const other = { ...A, text: "other" };
const CASES: Case[] = [
  { line: "cleanup --once", file: [A, B], redis: [A, B] },
  { line: "cleanup --once", file: [B], redis: [A, B] },
  { line: "delete --user alice --yes", file: [A, B], redis: [A, B] },
  { line: "mark --user alice --to failed --yes", file: [A, B], redis: [A, B] },
  { line: "mark --user alice --to failed --yes", file: [B], redis: [A, B] },
  { line: "import in.jsonl --yes", file: [older, B], redis: [older, B], input: [A] },
  { line: "sync", file: [A, B], redis: [older, B] },
  { line: "sync --checksum", file: [A, B], redis: [other, B] },
  { line: "sync --prune --yes --max-delete 100%", file: [B], redis: [A, B] },
  { line: "verify --repair", file: [A, B], redis: [other, B] },
  { line: "verify --repair", file: [older, B], redis: [A, B] },
  { line: "verify --repair --prune --yes --max-delete 100%", file: [B], redis: [A, B] },
];

describe.each(CASES)("beside $line ($file.length in the file), between any two of its calls to Redis", (one) => {
  let last: RecordJson;
  beforeEach(() => {
    // Later than a mark; else not so late that a comparison waits for the rest of it.
    last = { ...A, status: "running", updated_at: ago(one.line.startsWith("mark") ? -30 : 120), text: "the service's" };
  });

  it("the service's last word on a task stands, with its new audio", async () => {
    const works = async () => {
      root.write("output/alice/t1/new.wav", "new");
      replaceStore([B, last]);
      await putIntoRedis(server, last);
    };
    await atEachCall(one, works, async () => {
      expect([inFile(), await payload(), root.has("output/alice/t1/new.wav")]).toEqual([last, last, true]);
    });
  });

  // An import puts in what the file lacks when it is read.
  if (!one.line.startsWith("import")) {
    it("a task that the service deletes is in neither store", async () => {
      const deletes = async () => {
        replaceStore([B]);
        await server.pipeline([
          ["DEL", KEY],
          ["ZREM", "tts:tasks:index", "alice:t1"],
          ["ZREM", "tts:user:alice:index", "t1"],
        ]);
      };
      await atEachCall(one, deletes, async () => {
        const score = await server.call("ZSCORE", "tts:tasks:index", "alice:t1");
        expect([inFile(), await payload(), score]).toEqual([undefined, null, null]);
      });
    });
  }

  if (/^(sync|verify)/.test(one.line)) {
    it("another state within one second stands, too", async () => {
      const soon = { ...last, updated_at: A.updated_at };
      const works = async () => {
        replaceStore([B, soon]);
        await putIntoRedis(server, soon);
      };
      await atEachCall(one, works, async () => expect([inFile(), await payload()]).toEqual([soon, soon]));
    });
  }

  if (!/^(cleanup|delete)|--prune/.test(one.line)) {
    it("the same if only Redis has it", async () => {
      await atEachCall(
        one,
        () => putIntoRedis(server, last),
        async () => expect(await payload()).toEqual(last),
      );
    });
  }

  // At an equal time, other commands go by the file's record.
  if (/^(cleanup|delete)/.test(one.line) || (one.line.startsWith("mark") && one.file.length === 1)) {
    it("the same for another status within one second", async () => {
      const soon = { ...last, updated_at: A.updated_at };
      await atEachCall(
        one,
        () => putIntoRedis(server, soon),
        async () => expect((await payload())?.text).toBe(last.text),
      );
    });
  }
});

describe("an older record that a service puts back over a change never overwrites the newer copy in Redis", () => {
  const CHANGES = [
    { line: "mark --user alice --to failed --yes", file: [A, B], redis: [A, B] },
    { line: "import in.jsonl --yes", file: [older, B], redis: [older, B], input: [A] },
    { line: "verify --repair", file: [older, B], redis: [A, B] },
  ];
  it.each<Case>(CHANGES)("$line", async (one) => {
    let before: RecordJson | null = null;
    const goesBack = async () => {
      before = await payload();
      replaceStore(one.file);
    };
    await atEachCall(one, goesBack, async (code, { returned }) => {
      const [file, redis] = [inFile()!, (await payload())!];
      expect(scoreOf(redis)).toBeGreaterThanOrEqual(scoreOf(before!));
      if (Number(returned) > 0) expect(scoreOf(redis)).toBeGreaterThan(scoreOf(file));
      const isUndone = file.updated_at === one.file[0]!.updated_at;
      // After the last look at the file, a later `verify` names it.
      const isNamedLater = async () => (await runLine("verify")).json.newerInRedis === 1;
      if (isUndone && !isOver)
        expect(code === 3 || (one.line.startsWith("verify") && (await isNamedLater()))).toBe(true);
      expect(scoreOf(redis)).toBeGreaterThanOrEqual(scoreOf(file));
    });
  });
});

const CLEANUP = { line: "cleanup --once", file: [A, B], redis: [A, B] };

describe("a task is removed from both stores with its audio, or from none", () => {
  it.each(["cleanup --once", "delete --user alice --yes"])("if Redis begins to refuse it during %s", async (line) => {
    const [del, set] = [
      ["DEL", "tts:user:alice:index"],
      ["SET", "tts:user:alice:index", "no index"],
    ];
    await atEachCall(
      { ...CLEANUP, line },
      () => server.pipeline([del, set]),
      async (code) => {
        const kept = [inFile() !== undefined, (await payload()) !== null, root.has("output/alice/t1/t1.wav")];
        expect([
          [true, true, true, 3],
          [false, false, false, 0],
        ]).toContainEqual([...kept, code]);
      },
    );
  });
});

describe("a task that changed before its copy in Redis goes keeps its audio", () => {
  const queued = { ...A, status: "queued", updated_at: ago(120) };
  const moveIn = () => {
    root.write("staged.wav", "new", 1_600_000_000);
    root.rename("staged.wav", "output/alice/t1/new.wav");
  };
  /** Of another task, whose result is in the directory. */
  const NAMING = { ...B, result_path: "output/alice/t1/t1.wav" };
  it.each<[string, readonly RecordJson[], () => unknown]>([
    ["in the file", [A, B], () => replaceStore([queued, B])],
    ["in that a record of another status names it", [A, B], () => replaceStore([A, { ...NAMING, status: "running" }])],
    ["in that a record of another time names it", [A, B], () => replaceStore([A, { ...NAMING, updated_at: ago(120) }])],
    ["in Redis alone", [B], () => putIntoRedis(server, queued)],
    ["on the disk alone, with the newer copy in Redis", [older, B], () => root.write("output/alice/t1/new.wav", "new")],
    ["on the disk alone, by an old file that is moved in", [older, B], moveIn],
  ])("%s", async (what, file, changes) => {
    const line = "cleanup --once --backup purged.jsonl"; // which reads from Redis between the decision and the removal
    let removal = 0;
    await lay({ ...CLEANUP, line, file });
    happens = async (packet) => {
      if (removal === 0 && (await payload()) === null) removal = packet - 1;
    };
    await runLine(line);
    await happens(packets + 1);
    await atEachCall(
      { ...CLEANUP, line, file },
      changes,
      async () => {
        expect(root.has("output/alice/t1/t1.wav")).toBe(true);
        if (!what.endsWith("names it"))
          expect([(await payload())?.text, inFile() !== undefined]).toEqual(["A", file.length === 2]);
      },
      { last: removal - 1 },
    );
    expect(removal).toBeGreaterThan(2);
  });
});

describe("a mark changes status, error and time of the record that it was decided on, and nothing else", () => {
  it.each([1, 2, 3])("if that was another for %i of its calls to Redis", async (long) => {
    const one = { line: "mark --user alice --ids t1 --to failed --yes", file: [B], redis: [A, B] };
    const B_FOR_A = { ...A, status: "running", updated_at: "2020-01-01T08:00:06", text: "B" };
    const changes = async () => {
      const from = packets;
      await putIntoRedis(server, B_FOR_A);
      happens = async (packet) => void (packet === from + long && (await putIntoRedis(server, A)));
    };
    await atEachCall(
      one,
      changes,
      async () => {
        if ((await payload())?.status === "running") await putIntoRedis(server, A); // it ended before
        expect((await payload())?.text).toBe("A");
      },
      { step: 1 },
    );
  });
});

it.skipIf(lacks("strace"))("a store file that appears between our last look and the link isn't replaced", async () => {
  await lay({ line: "", file: [], redis: [], input: [A] });
  root.drop("voice_task.json");
  const ended = injected(root, ["import", "in.jsonl", "--yes"], "link,linkat,rename,renameat2:delay_enter=400000");
  await until(() => root.has(".voice_task.json.ttsctl"));
  await settled();
  replaceStore([B]);
  expect([await ended, root.readStore()]).toEqual([0, [B, A]]);
});

describe("a signal at any time ends a command with 130, or it has done everything", () => {
  it.each(CASES)("$line ($file.length in the file)", async (one) => {
    /** All but the times of marks. */
    const done = async () => {
      const keys = ((await server.call("KEYS", "tts:task:*")) as string[]).sort();
      const hashes = await Promise.all(keys.map((key) => server.hash(key)));
      return JSON.stringify([keys, hashes, root.storeText()]).replace(/updated_at[\\": ]+2[^"]*"/g, "");
    };
    await lay(one);
    await runLine(one.line);
    const all = await done();
    const stop = () => {
      interrupt.abort();
    };
    await atEachCall(one, stop, async (code) => {
      if (code !== 130) expect([code, await done()]).toEqual([0, all]);
    });
  });
});
