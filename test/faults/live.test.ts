import { describe, expect, it } from "vitest";
import type { Run } from "../helpers/ttsctl.ts";
import { isFinished, useService } from "./helpers/beside.ts";
import { Chance, LONG, SEED, times } from "./helpers/chance.ts";
import { runFaulty } from "./helpers/faulty.ts";
import { nameOf, type TestRecord } from "./helpers/stores.ts";
import { WholeFile } from "./helpers/whole.ts";

const here = useService();
const RETENTION = "1h";
/** How many tasks the service takes through their lives, some five writes each. */
const TASKS = times(100, 2000);

/** On a slow machine one may wait longer for another than it is willing to; nothing else may go wrong. */
function expectNoFailure(runs: readonly Run[], allowed: readonly number[] = [0]): void {
  const failed = runs.filter(({ code, stderr }) => !allowed.includes(code!) && !stderr.includes("LOCK_TIMEOUT"));
  expect(failed.map(({ code, stderr }) => ({ code, stderr }))).toEqual([]);
}

describe("row C, a service that writes both stores as fast as it can", () => {
  it("beside sync and cleanup in loops keeps its last words of every task, and what expired goes", async () => {
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
    expectNoFailure([...syncs, ...cleanups]);
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

  it("beside mark in a loop: the service has the last word of every task that it goes on with", async () => {
    await here.seeds(60);
    const service = here.start("--tasks", times(60, 2000), "--rate", 100_000);
    await service.wrote(1);
    const runs = await here.loop("mark --where-status wait,run --status error --error marked --yes -o json");
    expect(await service.end()).toBe(0);
    expectNoFailure(runs, [0, 3]); // 3: the service was there first
    const results = runs.filter(({ stdout }) => stdout !== "").map(({ stdout }) => JSON.parse(stdout));
    for (const { requested, marked, unchanged, missing, refused, failed, returned } of results) {
      expect(requested).toBe(marked + unchanged + missing.length + refused.length + failed + returned);
    }
    expect(results.some(({ marked }) => marked > 0)).toBe(true);
    await here.expectLastWords();
  });
});

describe("row C, commands that put records into the file, beside a service that writes as fast as it can", () => {
  const start = () => here.start("--tasks", times(60, 2000), "--rate", 100_000, "--users", 3);

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

describe("row C, a task that is taken up again while its purge is stopped at one of its steps", () => {
  it.each([
    { what: "cleanup", line: `cleanup --once --retention ${RETENTION} -o json` },
    { what: "delete", line: "delete --status done,error --until 30d --yes -o json" },
  ])("$what: it is kept in both stores with its new files", async ({ what, line }) => {
    const args = line.split(" ");
    const options = () => ({ cwd: here.root.path, env: here.env({ REDIS_TIMEOUT: "60s" }) });
    await here.seeds(4);
    const { steps } = await runFaulty(args, { at: -1, act: "stop", on: "any" }, options());
    const chance = new Chance(what);
    // A folder is moved aside just after the last look at the stores: in a short run those steps, and two others.
    const moves = steps.flatMap((step, i) => (step === "rename" ? [i] : []));
    expect(moves).not.toEqual([]);
    const at = LONG ? [...steps.keys()] : [...moves, chance.below(steps.length), chance.below(steps.length)];
    for (const step of at) {
      const label = `TTSCTL_SEED=${SEED}, stopped at step ${step} of ${steps.length}, ${steps[step]}`;
      for (const folder of ["output", "Logs"]) here.root.removeFolder(folder);
      await here.server.call("FLUSHALL");
      const [task] = await here.seeds(4);
      const requeue = async () => {
        expect(await here.start("--tasks", 0, "--rate", 10_000, "--requeue", task!).end()).toBe(0);
      };
      const run = await runFaulty(args, { at: step, act: "stop", on: "any" }, { ...options(), whileStopped: requeue });
      expect([0, 3], `${label}: ${run.stderr}`).toContain(run.code);
      if (here.service === undefined) continue; // it took fewer steps this time
      expect(here.service.lastWords.get(task!)?.status, label).toBe("succeeded");
      await here.expectLastWords();
      expect(here.root.has("output/.ttsctl-purge"), label).toBe(false);
      here.service = undefined;
    }
  });
});

describe("row C, a service that holds the store in its memory", () => {
  it("brings back what was purged: that is told as returned, and nothing of the service is lost", async () => {
    const expired = await here.seeds(60);
    const service = here.start("--tasks", 400, "--rate", 60, "--memory");
    await service.wrote(3);
    const cleanup = await here.run(`cleanup --once --retention ${RETENTION} -o json`);
    expect(service.hasEnded).toBe(false); // it was there throughout
    expect(cleanup.code).toBe(3);
    const result = JSON.parse(cleanup.stdout);
    expect(result.candidates).toBe(expired.length);
    expect(result.candidates).toBe(result.purged + result.skipped + result.failed);
    expect(result.returned).toBe(expired.length);
    expect(cleanup.stderr).toMatch(/warning: user\d+:t\d+ .*returned.*memory/);
    const remove = await here.run("delete --status done,error --until 1h --yes -o json");
    expect(remove.code).toBe(3);
    expect(JSON.parse(remove.stdout).returned).toBe(expired.length);
    service.kill();
    await service.end();
    await here.expectLastWords(1);
    const after = await here.run(`cleanup --once --retention ${RETENTION} -o json`);
    expect(after.code).toBe(0);
    expect(JSON.parse(after.stdout)).toMatchObject({ purged: expired.length, returned: 0 });
    const left = here.records().map(nameOf);
    expect(left.filter((name) => expired.includes(name))).toEqual([]);
  });

  it("takes out what import, mark and a repair put into the file: told as returned, and none is invented", async () => {
    await here.seeds(20);
    const known = here.records();
    const alone = known.slice(0, 3).map((task) => ({ ...task, task_id: `${task.task_id}x` }));
    const added = known.slice(0, 4).map((task) => ({ ...task, task_id: `${task.task_id}y` }));
    here.root.write("in.jsonl", added.map((task) => `${JSON.stringify(task)}\n`).join(""));
    const service = here.start("--tasks", 400, "--rate", 60, "--memory");
    await service.wrote(3);
    const imported = await here.run("import in.jsonl -o json");
    expect([imported.code, JSON.parse(imported.stdout)]).toMatchObject([3, { added: 4, returned: 4 }]);
    expect(imported.stderr).toMatch(/user\d+:t\d+y was taken out again.*memory/);
    const [{ user_id, task_id }] = known as [TestRecord];
    const mark = await here.run(`mark --user ${user_id} --ids ${task_id} --status error --error x --yes -o json`);
    expect([mark.code, JSON.parse(mark.stdout)]).toMatchObject([3, { marked: 0, returned: 1 }]);
    await here.mirrored(...alone);
    const repair = await here.run("verify --repair --restore -o json");
    expect(service.hasEnded).toBe(false); // it was there throughout
    expect([repair.code, JSON.parse(repair.stdout)]).toMatchObject([3, { onlyInRedis: alone.length, repaired: 0 }]);
    service.kill();
    await service.end();
    await here.expectLastWords(1);
    const names = [...known.map(nameOf), ...service.lastWords.keys()];
    const extra = here
      .records()
      .map(nameOf)
      .filter((name) => !names.includes(name));
    expect(extra.length).toBeLessThanOrEqual(1); // a write that was not said
    const again = await here.run("import in.jsonl -o json");
    expect([again.code, JSON.parse(again.stdout)]).toMatchObject([0, { added: 4, returned: 0 }]);
  });
});
