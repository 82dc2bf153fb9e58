import { describe, expect, it } from "vitest";
import { SEED } from "../helpers/seed.ts";
import { useService } from "./helpers/beside.ts";
import { Chance, LONG } from "./helpers/chance.ts";
import { type Fault, withFault } from "./helpers/steps.ts";

const here = useService();

describe("row C, a task that is queued again while its purge stands at one of its steps", () => {
  it.each([
    { what: "cleanup", line: "cleanup --once --retention 1h -o json" },
    { what: "delete", line: "delete --status done,error --until 30d --yes -o json" },
  ])("$what: it is kept in both stores with its new files", async ({ what, line }) => {
    let task = "";
    const run = async (at: number, act: Fault["act"]) => {
      await here.renew();
      [task] = (await here.seeds(4)) as [string];
      return withFault(here.root.path, { at, act, on: "changes" }, () =>
        here.run(line, { env: { REDIS_TIMEOUT: "60s" } }),
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
