import { describe, expect, it } from "vitest";
import { expectNoFailure, useService } from "./helpers/beside.ts";
import { times } from "./helpers/chance.ts";
import { nameOf } from "./helpers/stores.ts";
import { WholeFile } from "./helpers/whole.ts";

const here = useService();

describe("row C, commands that put records into the file, beside a service that writes as fast as it can", () => {
  const start = () => here.start("--tasks", times(60, 300), "--rate", 100_000, "--users", 3);

  /** Nothing of the service is lost, nothing is there twice, and of the others exactly these are there. */
  async function expectAll(others: readonly string[]): Promise<void> {
    expect(await here.service!.end()).toBe(0);
    expect((await here.run("sync")).code).toBe(0);
    await here.expectLastWords();
    expect(here.records().map(nameOf).sort()).toEqual([...others, ...here.service!.lastWords.keys()].sort());
    expect(await here.run("verify")).toMatchObject({ code: 0 });
  }

  it.each(["newer", "replace"])(
    "import --merge %s in a loop, of what is gone and of the service's old records",
    async (policy) => {
      await here.seeds(40);
      const known = here.records();
      const gone = known.slice(0, 10).map((task) => ({ ...task, task_id: `${task.task_id}x` }));
      const service = start();
      await service.wrote(20);
      const early = here.records().filter((task) => service.lastWords.has(nameOf(task)));
      expect(early).not.toEqual([]);
      const whole = new WholeFile(here.root.store);
      // With replace, old records of tasks that the service still works on would take its place, as was asked for.
      const input = policy === "newer" ? [...gone, ...early, ...known] : [...gone, ...known];
      here.root.write("in.jsonl", input.map((task) => `${JSON.stringify(task)}\n`).join(""));
      const runs = await here.loop(`import in.jsonl --merge ${policy} --yes -o json`);
      expect(await whole.stop()).toEqual([]);
      expectNoFailure(runs);
      expect(runs.length).toBeGreaterThan(1);
      await expectAll([...known, ...gone].map(nameOf));
    },
  );

  it.each(["--prune --yes", "--restore"])(
    "verify --repair %s in a loop: only what Redis alone had goes, or comes",
    async (flag) => {
      await here.seeds(40);
      const known = here.records();
      const alone = known.slice(0, 10).map((task) => ({ ...task, task_id: `${task.task_id}x` }));
      await here.mirrored(...alone);
      const service = start();
      await service.wrote(1);
      const whole = new WholeFile(here.root.store);
      const runs = await here.loop(`verify --repair ${flag} -o json`);
      expect(await whole.stop()).toEqual([]);
      expectNoFailure(runs, [0, 3]); // 3: drift was found
      await expectAll([...known, ...(flag === "--restore" ? alone : [])].map(nameOf));
    },
  );

  it("cleanup --orphans in a loop: no artifact of a task that the service works on goes", async () => {
    await here.seeds(40);
    const known = here.records().map(nameOf);
    here.root.writeArtifacts([{ user_id: "user0000", task_id: "unowned" }]);
    const service = start();
    await service.wrote(1);
    const runs = await here.loop(`cleanup --orphans --yes --retention 1s -o json`);
    expectNoFailure(runs);
    await expectAll(known);
    expect(here.root.has("output/user0000/unowned")).toBe(false);
  });
});
