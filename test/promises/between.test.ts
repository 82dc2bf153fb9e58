import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { redisProxy, type TestServer } from "../helpers/faults.ts";
import { ago, record } from "../helpers/records.ts";
import { RedisServer } from "../helpers/redis.ts";
import { type RecordJson, ServiceRoot } from "../helpers/root.ts";
import { putIntoRedis, run } from "./adapter.ts";

let server: RedisServer;
let proxy: TestServer;
/** What happens before one of the packets of a command to Redis, and the packets so far. */
let happens = async (_packet: number) => {};
let packets = 0;
let root: ServiceRoot;

beforeAll(async () => {
  server = await RedisServer.start();
  proxy = await redisProxy(server.port, async (sent) => {
    if (sent.includes("tts:")) await happens(++packets);
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
  [packets, happens] = [0, async () => {}];
}

const runLine = (line: string) => run(root, line.split(" "));
const inFile = () => root.readStore().find(({ task_id }) => task_id === "t1");
const payload = async () => JSON.parse((await server.hash(KEY)).payload ?? "null") as RecordJson | null;

interface Case {
  readonly line: string;
  readonly file: readonly RecordJson[];
  readonly redis: readonly RecordJson[];
  readonly input?: readonly RecordJson[];
}

const older = { ...A, updated_at: "2019-01-01T00:00:00", text: "older" };
const CASES: Case[] = [
  { line: "cleanup --once", file: [A, B], redis: [A, B] },
  { line: "cleanup --once", file: [B], redis: [A, B] },
  { line: "delete --user alice --yes", file: [A, B], redis: [A, B] },
  { line: "mark --user alice --to failed --yes", file: [A, B], redis: [A, B] },
  { line: "mark --user alice --to failed --yes", file: [B], redis: [A, B] },
  { line: "import in.jsonl --yes", file: [older, B], redis: [older, B], input: [A] },
  { line: "sync", file: [A, B], redis: [older, B] },
  { line: "sync --checksum", file: [A, B], redis: [{ ...A, text: "other" }, B] },
  { line: "sync --prune --yes --max-delete 100%", file: [B], redis: [A, B] },
  { line: "verify --repair", file: [A, B], redis: [{ ...A, text: "other" }, B] },
  { line: "verify --repair", file: [older, B], redis: [A, B] },
  { line: "verify --repair --prune --yes --max-delete 100%", file: [B], redis: [A, B] },
];

describe.each(CASES)("beside $line, between any two of its calls to Redis ($file.length in the file)", (one) => {
  it("the service's last word on a task stands, with its new audio", async () => {
    // Later than a mark; else not so late that a comparison waits for the rest of it.
    const updated_at = ago(one.line.startsWith("mark") ? -5 : 120);
    const last = { ...A, status: "running", updated_at, text: "the service's" };
    const works = async () => {
      root.write("output/alice/t1/new.wav", "new");
      root.write("voice_task.tmp", JSON.stringify([B, last]), 1_600_000_001); // as old, or it would be watched
      root.rename("voice_task.tmp", "voice_task.json");
      await putIntoRedis(server, last);
    };
    await lay(one);
    const calm = await runLine(one.line);
    expect(calm.code, calm.stderr).toBe(0);
    for (let at = 1, count = packets; at <= count; at++) {
      await lay(one);
      happens = async (packet) => (packet === at ? works() : undefined);
      const { code, stderr } = await runLine(one.line);
      expect([0, 3], `packet ${at}: ${stderr}`).toContain(code);
      if (packets < at) await works();
      const audio = root.has("output/alice/t1/new.wav");
      expect({ file: inFile(), redis: await payload(), audio }, `packet ${at} of ${count}`).toEqual({
        file: last,
        redis: last,
        audio: true,
      });
    }
  });
});

describe("a task is removed from both stores with its audio, or from none", () => {
  it.each(["cleanup --once", "delete --user alice --yes"])("if Redis begins to refuse it during %s", async (line) => {
    const one = { line, file: [A, B], redis: [A, B] };
    const breaks = async () => {
      await server.pipeline([
        ["DEL", "tts:user:alice:index"],
        ["SET", "tts:user:alice:index", "no index"],
      ]);
    };
    await lay(one);
    await runLine(line);
    for (let at = 1, count = packets; at <= count; at++) {
      await lay(one);
      happens = async (packet) => (packet === at ? breaks() : undefined);
      const { code } = await runLine(line);
      const kept = [inFile() !== undefined, (await payload()) !== null, root.has("output/alice/t1/t1.wav")];
      expect(
        [
          [true, true, true],
          [false, false, false],
        ],
        `packet ${at} of ${count}`,
      ).toContainEqual(kept);
      if (kept[0]) expect(code).not.toBe(0);
    }
  });
});

describe("a mark changes status, error and time of the record that it was decided on, and nothing else", () => {
  it.each([1, 2, 3])("if that was another for %i of its calls to Redis", async (long) => {
    const one = { line: "mark --user alice --ids t1 --to failed --yes", file: [B], redis: [A, B] };
    await lay(one);
    await runLine(one.line);
    for (let at = 1, count = packets; at <= count; at++) {
      await lay(one);
      happens = async (packet) => {
        if (packet === at)
          await putIntoRedis(server, { ...A, status: "running", updated_at: "2020-01-01T08:00:06", text: "B" });
        if (packet === at + long) await putIntoRedis(server, A);
      };
      await runLine(one.line);
      if (packets < at + long) await happens(at + long);
      expect((await payload())?.text, `packet ${at} of ${count}`).toBe("A");
    }
  });
});
