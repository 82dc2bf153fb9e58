import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { runFaulty } from "../faults/helpers/faulty.ts";
import { RedisCluster } from "../helpers/cluster.ts";
import { record } from "../helpers/records.ts";
import { Place } from "./setup.ts";

const TASKS = Array.from({ length: 6 }, (_, i) => record(i % 2 ? "alice" : "bob", `t${i}`));

let cluster: RedisCluster;
let here: Place;
beforeAll(async () => {
  cluster = await RedisCluster.start();
});
afterAll(() => cluster.remove());
beforeEach(() => {
  here = new Place(cluster);
});
afterEach(() => here.remove());

interface Drift {
  readonly code: number | null;
  readonly dangling: number;
  readonly unindexed: number;
  readonly wrongScore: number;
}

/**
 * Runs a command again and again from the same beginning, killed before each of its writes to a node in turn, or
 * with a stride every so many of them.
 * @param eachTime called with what a kill left
 */
async function killAtSends(
  { lay, line, stride }: { lay: () => Promise<void>; line: string; stride: number },
  eachTime: (left: Drift, send: number) => Promise<void>,
): Promise<void> {
  const run = (at: number) => runFaulty(line.split(" "), { at, act: "kill", on: "any" }, { cwd: here.root.path });
  await lay();
  const { code, steps } = await run(-1);
  expect(code).toBe(0);
  const sends = steps.flatMap((name, at) => (name === "send" ? [at] : []));
  expect(sends.length).toBeGreaterThan(10);
  for (const at of sends.filter((_, i) => i % stride === 0)) {
    await lay();
    await run(at);
    await eachTime((await here.json("verify")) as unknown as Drift, at);
  }
}

describe("killed with -9 before a write to a node", () => {
  it("import leaves at most members without a hash, which lists tolerate and a repair closes", async () => {
    here.root.write("in.jsonl", TASKS.map((task) => JSON.stringify(task)).join("\n"));
    let between = 0;
    const lay = async () => {
      await cluster.call("FLUSHALL");
      here.root.writeStore([]);
    };
    await killAtSends({ lay, line: "import in.jsonl --yes", stride: 3 }, async (left, send) => {
      expect(left, `killed at ${send}`).toMatchObject({ unindexed: 0, wrongScore: 0 });
      if (left.dangling > 0) between++;
      const inFile = here.root.readStore().length;
      expect(await here.json("list --page-size 100")).toMatchObject({ code: 0, total: inFile });
      expect(await here.json("verify --repair --yes")).toMatchObject({ code: 0 });
      expect(await here.json("verify")).toMatchObject({ code: 0, inSync: inFile });
    });
    expect(between).toBeGreaterThan(0);
  });

  it("delete leaves at most members without a hash, and the next run ends it", async () => {
    let between = 0;
    const lay = async () => {
      await cluster.call("FLUSHALL");
      here.root.writeStore(TASKS);
      await here.mirrored(...TASKS);
    };
    const line = "delete --user alice --yes";
    await killAtSends({ lay, line, stride: 1 }, async (left, send) => {
      expect(left, `killed at ${send}`).toMatchObject({ unindexed: 0, wrongScore: 0 });
      if (left.dangling > 0) between++;
      expect((await here.run(line)).code, `killed at ${send}`).toBe(0);
      expect(await here.json("verify")).toMatchObject({ code: 0, checked: 3, inSync: 3 });
      expect(await cluster.call("ZCARD", "tts:tasks:index")).toBe(3);
    });
    expect(between).toBeGreaterThan(0);
  });
});
