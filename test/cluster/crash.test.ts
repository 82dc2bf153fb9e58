import { afterEach, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { connectRedis } from "../../src/store/redis/connect.ts";
import { Mirror } from "../../src/store/redis/mirror.ts";
import { removeFromMirror, writeToMirror } from "../../src/store/redis/write.ts";
import { toMicros } from "../../src/task/time.ts";
import { withFault } from "../faults/helpers/steps.ts";
import { type RedisCluster, sharedCluster } from "../helpers/cluster.ts";
import { LONG } from "../helpers/long.ts";
import { RULES, record, taskOf } from "../helpers/records.ts";
import { SteppedCommands } from "../helpers/stepped.ts";
import { targetAt } from "../helpers/targets.ts";
import { Place } from "./setup.ts";

const TASKS = Array.from({ length: 6 }, (_, i) => record(i % 2 ? "alice" : "bob", `t${i}`));

const ALICES = TASKS.map(taskOf).filter(({ userId }) => userId === "alice");

let cluster: RedisCluster;
let here: Place;
beforeEach(async () => {
  cluster = await sharedCluster();
  here = new Place(cluster);
});
afterEach(() => here.remove());

interface Drift {
  readonly code: number | null;
  readonly dangling: number;
  readonly unindexed: number;
  readonly wrongScore: number;
}

class Crash extends Error {}

/**
 * Does something again and again from the same beginning, with a mirror whose process ends before each of its commands in turn.
 * @param eachTime called with what that left
 */
async function endAtCommands(
  { lay, act }: { lay: () => Promise<void>; act: (mirror: Mirror) => Promise<unknown> },
  eachTime: (left: Drift, at: number) => Promise<void>,
): Promise<void> {
  const client = await connectRedis({ ...targetAt(cluster.port), place: cluster.place });
  onTestFinished(() => client.close());
  for (let [at, isOver] = [0, false]; !isOver; at++) {
    await lay();
    let taken = 0;
    const step = async <T>(_who: string, _what: string, work: () => Promise<T>) => {
      if (taken++ >= at) throw new Crash();
      return work();
    };
    const commands = new SteppedCommands(client, { step }, { who: "", isCluster: true });
    await act(new Mirror(commands, RULES)).catch((error) => expect(error).toBeInstanceOf(Crash));
    isOver = taken <= at;
    await eachTime((await here.json("verify")) as unknown as Drift, at);
    if (isOver) expect(at).toBeGreaterThan(5);
  }
}

async function layForImport(): Promise<void> {
  await cluster.call("FLUSHALL");
  here.root.writeStore(TASKS);
}

async function layForDeletion(): Promise<void> {
  await layForImport();
  await here.mirrored(...TASKS);
}

/** What is in the file is listed, and a repair brings it all to Redis. */
async function expectRepairable(): Promise<void> {
  const inFile = here.root.readStore().length;
  expect(await here.json("list --page-size 100")).toMatchObject({ code: 0, total: inFile });
  expect(await here.json("verify --repair --yes")).toMatchObject({ code: 0 });
  expect(await here.json("verify")).toMatchObject({ code: 0, inSync: inFile });
}

/** The next run ends what was begun. */
async function expectDeletable(): Promise<void> {
  expect((await here.run("delete --user alice --yes")).code).toBe(0);
  expect(await here.json("verify")).toMatchObject({ code: 0, checked: 3, inSync: 3 });
  expect(await cluster.call("ZCARD", "tts:tasks:index")).toBe(3);
}

describe("a process that ends between two commands to the nodes", () => {
  it.each([
    {
      what: "while it writes, which lists tolerate and a repair closes",
      work: { lay: layForImport, act: (mirror: Mirror) => writeToMirror(mirror, TASKS.slice(0, 3).map(taskOf)) },
      expectGood: expectRepairable,
      everyNth: 6, // a repair sets 16,384 marks
    },
    {
      what: "while it deletes, and the next run ends it",
      work: {
        lay: layForDeletion,
        act: (mirror: Mirror) =>
          removeFromMirror(
            mirror,
            ALICES.map((id) => ({ id, before: toMicros(id.score) })),
          ),
      },
      expectGood: expectDeletable,
      everyNth: 1,
    },
  ])("leaves at most members without a hash $what", async ({ work, expectGood, everyNth }) => {
    let between = 0;
    await endAtCommands(work, async (left, at) => {
      expect(left, `ended at ${at}`).toMatchObject({ unindexed: 0, wrongScore: 0 });
      if (left.dangling > 0) between++;
      if (at % everyNth === 0) await expectGood();
    });
    expect(between).toBeGreaterThan(0);
  });
});

/**
 * Runs a command again and again from the same beginning, killed before each of its writes to a node in turn, or
 * with a stride every so many of them.
 * @param eachTime called with what a kill left
 */
async function killAtSends(
  { lay, line, stride }: { lay: () => Promise<void>; line: string; stride: number },
  eachTime: (left: Drift, send: number) => Promise<void>,
): Promise<void> {
  const run = (at: number) => withFault(here.root.path, { at, act: "crash", on: "changes" }, () => here.run(line));
  await lay();
  const { result, steps } = await run(-1);
  expect(result.code).toBe(0);
  const sends = steps.flatMap((name, at) => (name === "send" ? [at] : []));
  expect(sends.length).toBeGreaterThan(10);
  for (const at of sends.filter((_, i) => i % stride === 0)) {
    await lay();
    await run(at);
    await eachTime((await here.json("verify")) as unknown as Drift, at);
  }
}

describe.runIf(LONG)("killed with -9 before a write to a node", () => {
  it.each([
    { line: "import in.jsonl --yes", stride: 3, lay: layForImport, expectGood: expectRepairable },
    { line: "delete --user alice --yes", stride: 1, lay: layForDeletion, expectGood: expectDeletable },
  ])("$line leaves at most members without a hash", async ({ line, stride, lay, expectGood }) => {
    here.root.write("in.jsonl", TASKS.map((task) => JSON.stringify(task)).join("\n"));
    let between = 0;
    const layAnew = async () => {
      await lay();
      if (line.startsWith("import")) here.root.writeStore([]);
    };
    await killAtSends({ lay: layAnew, line, stride }, async (left, send) => {
      expect(left, `killed at ${send}`).toMatchObject({ unindexed: 0, wrongScore: 0 });
      if (left.dangling > 0) between++;
      await expectGood();
    });
    expect(between).toBeGreaterThan(0);
  });
});
