import { describe, expect, it } from "vitest";
import { usePlace } from "../e2e/setup.ts";
import { TestClock } from "../helpers/clock.ts";
import { ago, record } from "../helpers/records.ts";
import { lines, Running, start } from "../helpers/ttsctl.ts";
import { until } from "../helpers/until.ts";
import { useChildren } from "../store/file/children.ts";
import { times } from "./helpers/chance.ts";
import { everything, exactly, nameOf, sorted, type TestRecord } from "./helpers/stores.ts";
import { triedFault } from "./helpers/tally.ts";
import { WholeFile } from "./helpers/whole.ts";

const here = usePlace();
const startChild = useChildren();
const USERS = Array.from({ length: times(6, 16) }, (_, i) => `user${i}`);
const tasksOf = (user: string) => Array.from({ length: 5 }, (_, i) => record(user, `${user}-t${i}`));
const YOUNG = [record("young", "y", { updated_at: ago(60) })];

async function lay(records: readonly TestRecord[]): Promise<void> {
  here.root.writeStore(records);
  here.root.writeArtifacts(records);
  await here.mirrored(...records);
}

describe("row G, two to sixteen ttsctl at once", () => {
  it("each do their own work: no write of one undoes that of another, and the file is whole throughout", async () => {
    const all = [...USERS.flatMap(tasksOf), ...YOUNG];
    await lay(all);
    const whole = new WholeFile(here.root.store);
    const start = (user: string) => {
      const first = tasksOf(user)[0]!.task_id;
      return new Running(["delete", "--user", user, "--ids", first, "--yes", "-o", "json"], { cwd: here.root.path });
    };
    let left = USERS.map((user) => ({ user, run: start(user) }));
    while (left.length > 0) {
      const runs = await Promise.all(left.map(async ({ user, run }) => ({ user, run: await run.end() })));
      const gaveUp = runs.filter(({ run }) => run.code !== 0);
      for (const { run } of gaveUp) expect(run.stderr).toContain("LOCK_TIMEOUT"); // on a slow machine
      left = gaveUp.map(({ user }) => ({ user, run: start(user) }));
    }
    triedFault(USERS.length);
    expect(await whole.stop()).toEqual([]);
    const first = new Set(USERS.map((user) => nameOf(tasksOf(user)[0]!)));
    expect(sorted(await everything(here))).toEqual(exactly(all.filter((one) => !first.has(nameOf(one)))));
  });

  it("the lock's holder keeps it for longer than the wait: the waiting process names it, gives up after 10 s and has changed nothing", async () => {
    const all = [...USERS.flatMap(tasksOf), ...YOUNG];
    await lay(all);
    const { child } = await hold();
    const before = [here.root.storeText(), await here.server.dump()];
    const clock = new TestClock({ longest: 0 });
    const commands = ["cleanup --once -o json", "delete --all --force --yes -o json", "sync -o json"];
    const waiting = commands.map((line) => start(line.split(" "), { cwd: here.root.path, clock }));
    await until(() => clock.pauses === 2 * commands.length);
    clock.shift = 86_400; // a jump of the wall clock isn't a wait
    await clock.advance(9);
    expect(waiting.map(({ hasEnded }) => hasEnded)).toEqual([false, false, false]);
    for (const { stderr } of waiting) expect(stderr).toContain(`waiting for pid ${child.pid} (ttsctl cleanup`);
    await clock.advance(1);
    const runs = await Promise.all(waiting.map((run) => run.end()));
    triedFault(runs.length);
    for (const run of runs) {
      expect([run.code, run.stdout]).toEqual([1, ""]);
      const error = JSON.parse(lines(run.stderr).at(-1)!);
      expect(error.code).toBe("LOCK_TIMEOUT");
      expect(error.error).toMatch(new RegExp(`^pid ${child.pid} \\(ttsctl cleanup --once -o json\\) holds .* 10 s`));
    }
    expect([here.root.storeText(), await here.server.dump()]).toEqual(before);
    expect(JSON.parse((await here.run("list -o json")).stdout).total).toBe(all.length);
    expect((await here.run("cleanup --once --dry-run")).code).toBe(0);
    child.kill("SIGKILL");
  });

  it("the lock's holder is killed with -9: the waiting process continues at once", async () => {
    await lay([...USERS.flatMap(tasksOf), ...YOUNG]);
    const { child } = await hold();
    const clock = new TestClock({ longest: 0 });
    const waiting = start(["delete", "--user", "user1", "--yes", "-o", "json"], { cwd: here.root.path, clock });
    await until(() => clock.pauses === 2);
    await clock.advance(9);
    child.kill("SIGKILL");
    const run = await waiting.end();
    triedFault();
    expect([run.code, JSON.parse(run.stdout).deleted]).toEqual([0, 5]);
  });
});

/** Another process that holds the lock of a run. */
const hold = () =>
  startChild({ do: "hold", path: here.root.store, purpose: "run" }, { args: ["cleanup", "--once", "-o", "json"] });
