import { expect, it } from "vitest";
import { useService } from "./helpers/beside.ts";
import { times } from "./helpers/chance.ts";

const here = useService();
const TASKS = times(60, 300);

it("row C, verify and its repair beside a service that writes as fast as it can: no false drift, its last words stay", async () => {
  await here.seeds(100);
  const service = here.start("--tasks", TASKS, "--rate", 200);
  await service.wrote(1);
  const runs = await here.loop("verify --details -o json", "verify --repair -o json");
  expect(await service.end()).toBe(0);
  const told = runs.filter(({ stderr }) => !stderr.includes("LOCK_TIMEOUT"));
  for (const { code, stdout, stderr } of told) {
    expect([0, 3], stderr).toContain(code);
    // Where the machine stops the service for long in the midst of its double write, that one task is told.
    const { checked, inSync } = JSON.parse(stdout);
    expect(checked - inSync, stdout).toBeLessThanOrEqual(1);
  }
  await here.expectLastWords();
  expect(await here.run("verify")).toMatchObject({ code: 0 });
});
