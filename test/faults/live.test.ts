import { describe, expect, it } from "vitest";
import { expectNoFailure, isFinished, useService } from "./helpers/beside.ts";
import { times } from "./helpers/chance.ts";
import { nameOf } from "./helpers/stores.ts";
import { WholeFile } from "./helpers/whole.ts";

const here = useService();
const RETENTION = "1h";
/** How many tasks the service takes through their lives, five writes each: in a long run 10,000 beside cleanup and delete. */
const TASKS = times(100, 1000);

describe("row C, a service that writes both stores as fast as it can", () => {
  it("beside sync and cleanup in loops keeps its last state of every task, and expired ones are purged", async () => {
    const expired = await here.seeds(300);
    const unfinished = here.records().filter((record) => !isFinished(record));
    const requeued = expired.slice(0, 20);
    const service = here.start("--tasks", TASKS, "--rate", 100_000, "--requeue", ...requeued);
    await service.wrote(1);
    const whole = new WholeFile(here.root.store);
    const [syncs, cleanups] = await Promise.all([
      here.loop("sync -o json"),
      here.loop(`cleanup --once --retention ${RETENTION} -o json`),
    ]);
    expect(await service.end()).toBe(0);
    expect(await whole.stop()).toEqual([]);
    expect(service.lastWords.size).toBe(TASKS + requeued.length);
    expect([syncs.at(-1)!.code, cleanups.at(-1)!.code]).toEqual([0, 0]);
    expectNoFailure(syncs);
    expectNoFailure(cleanups, [0, 3]); // 3: this service reads again right after each write, and so undoes any rewrite
    for (const { stdout } of syncs.filter(({ code }) => code === 0)) {
      const { total, written, unchanged, newerInRedis, ...rest } = JSON.parse(stdout);
      expect(total).toBe(written + unchanged + newerInRedis);
      expect(rest.failed).toBe(0);
    }
    await here.expectLastWords();
    const left = here.records().map(nameOf);
    expect(new Set(left).size).toBe(left.length);
    expect(unfinished.map(nameOf).filter((name) => !left.includes(name))).toEqual([]);
    await here.expectGone(expired.filter((name) => !requeued.includes(name)));
  });

  it("beside delete in loops, by ids and by filter: no update is lost, no task comes back", async () => {
    const expired = await here.seeds(120);
    const unfinished = here.records().filter((record) => !isFinished(record));
    const service = here.start("--tasks", TASKS, "--rate", 100_000);
    await service.wrote(1);
    const ids = (user: string) =>
      expired
        .filter((name) => name.startsWith(user))
        .map((name) => name.split(":")[1])
        .join(",");
    const runs = await Promise.all([
      here.loop(`delete --user user0000 --ids ${ids("user0000")} --yes -o json`),
      here.loop("delete --status done,error --until 30d --yes -o json"),
    ]);
    expect(await service.end()).toBe(0);
    expectNoFailure(runs.flat(), [0, 3]); // 3: ids that are gone already are missing
    await here.expectLastWords();
    const left = here.records().map(nameOf);
    expect(left.sort()).toEqual([...unfinished.map(nameOf), ...service.lastWords.keys()].sort());
    await here.expectGone(expired);
  });

  it("beside mark in a loop: the service's last writes are kept for every task that it continues", async () => {
    await here.seeds(60);
    const service = here.start("--tasks", times(60, 300), "--rate", 100_000);
    await service.wrote(1);
    const runs = await here.loop("mark --status wait,run --to error --error marked --yes -o json");
    expect(await service.end()).toBe(0);
    expectNoFailure(runs, [0, 3]); // 3: the service was there first
    const results = runs.filter(({ stdout }) => stdout !== "").map(({ stdout }) => JSON.parse(stdout));
    for (const { requested, marked, unchanged, missing, refused, failed, returned } of results) {
      expect(requested).toBe(marked + unchanged + missing.length + refused.length + failed + returned);
    }
    expect(results.some(({ marked }) => marked > 0)).toBe(true);
    await here.expectLastWords();
  });

  it("beside verify and its repair in loops: no false drift, its last writes are kept", async () => {
    await here.seeds(100);
    const service = here.start("--tasks", times(60, 300), "--rate", 200);
    await service.wrote(1);
    const runs = await here.loop("verify --details -o json", "verify --repair -o json");
    expect(await service.end()).toBe(0);
    const unlocked = runs.filter(({ stderr }) => !stderr.includes("LOCK_TIMEOUT"));
    for (const { code, stdout, stderr } of unlocked) {
      expect([0, 3], stderr).toContain(code);
      // If the machine stalls the service in the middle of its double write, that one task is reported.
      const { checked, inSync } = JSON.parse(stdout);
      expect(checked - inSync, stdout).toBeLessThanOrEqual(1);
    }
    await here.expectLastWords();
    expect(await here.run("verify")).toMatchObject({ code: 0 });
  });
});

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
      expectNoFailure(runs, [0, 3]); // 3: this service had read the file before and wrote it after, which is said
      for (const { stderr } of runs.filter(({ code }) => code === 3))
        expect(stderr).toContain("was put into the file, but the service undid that");
      expect(runs.at(-1)!.code).toBe(0);
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

  it("cleanup --orphans in a loop: no artifact of a task that the service works on is removed", async () => {
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
