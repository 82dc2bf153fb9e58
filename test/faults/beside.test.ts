import { describe, expect, it } from "vitest";
import { SEED } from "../helpers/seed.ts";
import { inProcess } from "../helpers/ttsctl.ts";
import { useService } from "./helpers/beside.ts";
import { Chance, LONG } from "./helpers/chance.ts";
import { type Fault, withFault } from "./helpers/steps.ts";
import { nameOf, type TestRecord } from "./helpers/stores.ts";

const here = useService();
const RETENTION = "1h";

describe("row C, a service that holds the store in its memory", () => {
  it("brings back purged tasks: they are reported as returned, and no data of the service is lost", async () => {
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
    expect(cleanup.stderr).toMatch(/warning: user\d+:t\d+ .*written back.*memory/);
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

  it("undoes changes of import, mark and a repair to the file: they are reported as returned, and no others", async () => {
    await here.seeds(20);
    const known = here.records();
    const alone = known.slice(0, 3).map((task) => ({ ...task, task_id: `${task.task_id}x` }));
    const added = known.slice(0, 4).map((task) => ({ ...task, task_id: `${task.task_id}y` }));
    here.root.write("in.jsonl", added.map((task) => `${JSON.stringify(task)}\n`).join(""));
    const service = here.start("--tasks", 400, "--rate", 60, "--memory");
    await service.wrote(3);
    const imported = await here.run("import in.jsonl -o json");
    expect([imported.code, JSON.parse(imported.stdout)]).toMatchObject([3, { added: 4, returned: 4 }]);
    expect(imported.stderr).toMatch(/user\d+:t\d+y was put into the file, but the service undid that.*memory/);
    const [{ user_id, task_id }] = known as [TestRecord];
    const mark = await here.run(`mark --user ${user_id} --ids ${task_id} --to error --error x --yes -o json`);
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

describe("row C, a task that is queued again while its purge is at one of its steps", () => {
  it.each([
    { what: "cleanup", line: "cleanup --once --retention 1h -o json" },
    { what: "delete", line: "delete --status done,error --until 30d --yes -o json" },
  ])("$what: it is kept in both stores with its new files", async ({ what, line }) => {
    let task = "";
    const run = async (at: number, act: Fault["act"]) => {
      await here.renew();
      [task] = (await here.seeds(4)) as [string];
      return withFault(here.root.path, { at, act, on: "changes" }, () =>
        here.run(line, { ...inProcess(), env: { REDIS_TIMEOUT: "60s" } }),
      );
    };
    const { steps } = await run(-1, "crash");
    // A folder is moved aside just after the last look at the stores: in a short run that step, and one other.
    const moves = [...steps.keys()].filter((at) => steps[at] === "rename");
    expect(moves).not.toEqual([]);
    for (const at of LONG ? steps.keys() : [moves[0]!, new Chance(what).below(steps.length)]) {
      let ended: Promise<unknown> = Promise.resolve(0);
      const requeue = async () => {
        ended = here.start("--tasks", 0, "--rate", 10_000, "--requeue", task).end();
        await ended;
      };
      const { result } = await run(at, requeue);
      expect(await ended).toBe(0); // a synchronous step doesn't wait for it
      const label = `TTSCTL_SEED=${SEED}, at step ${at}, ${steps[at]}`;
      expect([0, 3], `${label}: ${result.stderr}`).toContain(result.code);
      if (here.service === undefined) continue; // it took fewer steps this time
      expect(here.service.lastWords.get(task)?.status, label).toBe("succeeded");
      await here.expectLastWords();
      expect(here.root.has("output/.ttsctl-purge"), label).toBe(false);
    }
  });
});
