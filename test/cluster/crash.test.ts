import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { withFault } from "../faults/helpers/steps.ts";
import { type RedisCluster, sharedCluster } from "../helpers/cluster.ts";
import { LONG } from "../helpers/long.ts";
import { record } from "../helpers/records.ts";
import { inProcess } from "../helpers/ttsctl.ts";
import { Place } from "./setup.ts";

const TASKS = Array.from({ length: LONG ? 6 : 4 }, (_, i) => record(i % 2 ? "alice" : "bob", `t${i}`));

let cluster: RedisCluster;
let here: Place;
beforeEach(async () => {
  cluster = await sharedCluster();
  here = new Place(cluster);
});
afterEach(() => here.remove());

/** Crashes a command before each of its writes to a node in turn. @param eachTime what must be possible then */
async function crashAtSends(line: string, lay: () => Promise<void>, eachTime: () => Promise<void>): Promise<void> {
  const run = async (at: number) =>
    withFault(here.root.path, { at, act: "crash", on: "changes" }, () => here.run(line, inProcess()));
  await lay();
  const { result, steps } = await run(-1);
  expect(result.code).toBe(0);
  const sends = steps.flatMap((name, at) => (name === "send" ? [at] : []));
  expect(sends.length).toBeGreaterThan(10);
  let between = 0;
  for (const at of LONG ? sends : sends.filter((_, i) => i % 3 === 0)) {
    await lay();
    if (!(await run(at)).hasCrashed) continue; // it took fewer steps this time
    const left = await here.json("verify");
    expect(left, `crashed at ${at}`).toMatchObject({ unindexed: 0, wrongScore: 0 });
    if ((left.dangling as number) > 0) between++;
    await eachTime();
  }
  expect(between).toBeGreaterThan(0);
}

describe("a crash before a write to a node", () => {
  it("of import leaves at most members without a hash, which lists tolerate and a repair closes", async () => {
    here.root.write("in.jsonl", TASKS.map((task) => JSON.stringify(task)).join("\n"));
    const lay = async () => {
      await cluster.call("FLUSHALL");
      here.root.writeStore([]);
    };
    await crashAtSends("import in.jsonl --yes", lay, async () => {
      const inFile = here.root.readStore().length;
      expect(await here.json("list --page-size 100")).toMatchObject({ code: 0, total: inFile });
      expect(await here.json("verify --repair --yes")).toMatchObject({ code: 0 });
      expect(await here.json("verify")).toMatchObject({ code: 0, inSync: inFile });
    });
  });

  it("of delete leaves at most members without a hash, and the next run ends it", async () => {
    const lay = async () => {
      await cluster.call("FLUSHALL");
      here.root.writeStore(TASKS);
      await here.mirrored(...TASKS);
    };
    const left = TASKS.length / 2;
    await crashAtSends("delete --user alice --yes", lay, async () => {
      expect((await here.run("delete --user alice --yes")).code).toBe(0);
      expect(await here.json("verify")).toMatchObject({ code: 0, checked: left, inSync: left });
      expect(await cluster.call("ZCARD", "tts:tasks:index")).toBe(left);
    });
  });
});
