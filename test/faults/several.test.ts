import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { usePlace } from "../e2e/setup.ts";
import { ago, record } from "../helpers/records.ts";
import { lines, Running } from "../helpers/ttsctl.ts";
import { until } from "../helpers/until.ts";
import { Chance, times } from "./helpers/chance.ts";
import { runFaulty } from "./helpers/faulty.ts";
import { everything, exactly, nameOf, sorted, type TestRecord } from "./helpers/stores.ts";
import { triedFault } from "./helpers/tally.ts";
import { WholeFile } from "./helpers/whole.ts";

const here = usePlace();
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

  it("the lock's holder is killed with -9: the waiting process continues at once", async () => {
    await lay([...USERS.flatMap(tasksOf), ...YOUNG]);
    const holder = holdRunLock();
    await holder.stopped;
    const waiting = new Running(["delete", "--user", "user1", "--yes", "-o", "json"], { cwd: here.root.path });
    await until(() => openedRunLock(waiting));
    const began = performance.now();
    holder.kill("SIGKILL");
    const run = await waiting.end();
    triedFault();
    expect([run.code, JSON.parse(run.stdout).deleted]).toEqual([0, 5]);
    expect(performance.now() - began).toBeLessThan(8000);
    await holder.end;
  });

  it("the lock's holder is stopped for longer than the wait: the waiting process names it, gives up after 10 s and has changed nothing", async () => {
    const all = [...USERS.flatMap(tasksOf), ...YOUNG];
    await lay(all);
    const holder = holdRunLock();
    await holder.stopped;
    const before = [here.root.storeText(), await here.server.dump()];
    const commands = ["cleanup --once -o json", "delete --all --force --yes -o json", "sync -o json"];
    const runs = await Promise.all(commands.map((line) => here.run(line)));
    triedFault(runs.length);
    for (const run of runs) {
      expect([run.code, run.stdout]).toEqual([1, ""]);
      const error = JSON.parse(lines(run.stderr).at(-1)!);
      expect(error.code).toBe("LOCK_TIMEOUT");
      expect(error.error).toMatch(new RegExp(`^pid ${holder.pid()} \\(ttsctl cleanup --once -o\\) holds `));
    }
    expect([here.root.storeText(), await here.server.dump()]).toEqual(before);
    expect(JSON.parse((await here.run("list -o json")).stdout).total).toBe(all.length);
    expect((await here.run("cleanup --once --dry-run")).code).toBe(0);
    holder.kill("SIGCONT");
    expect((await holder.end).code).toBe(0);
    expect(sorted(await everything(here))).toEqual(exactly(YOUNG));
  });

  it("a watcher beside others: each pass takes its turn", async () => {
    await lay([...USERS.flatMap(tasksOf), ...YOUNG]);
    const watcher = new Running(["cleanup", "--watch"], { cwd: here.root.path });
    const runs = await Promise.all(["sync", "delete --user user2 --yes", "list"].map((line) => here.run(line)));
    for (const run of runs) expect([0, 3], run.stderr).toContain(run.code);
    await watcher.says(/\[CLEANUP\] pass/);
    watcher.kill("SIGTERM");
    expect((await watcher.end()).code).toBe(0);
    expect(sorted(await everything(here)).file).toEqual(YOUNG.map(nameOf));
  });
});

/** A cleanup that stops itself while it holds the run lock, in the middle of its purge. */
function holdRunLock() {
  const lockText = () => readFileSync(here.root.at(".voice_task.json.run.lock"), "utf8");
  const pid = () => Number(lockText().split(" ")[0]);
  let announce = () => {};
  const stopped = new Promise<void>((resolve) => {
    announce = resolve;
  });
  let goOn = () => {};
  const asked = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  const whileStopped = async () => {
    announce();
    await asked;
  };
  const at = 20 + new Chance("hold").below(10);
  const fault = { at, act: "stop", on: "any" } as const;
  const options = { cwd: here.root.path, env: { REDIS_TIMEOUT: "60s" }, whileStopped };
  const end = runFaulty(["cleanup", "--once", "-o", "json"], fault, options);
  const kill = (signal: "SIGKILL" | "SIGCONT") => {
    if (signal === "SIGKILL") process.kill(pid(), "SIGKILL");
    goOn();
  };
  return { stopped, pid, kill, end };
}

/** Whether a run has opened the lock, and so waits for it. */
function openedRunLock({ child }: Running): boolean {
  const folder = `/proc/${child.pid}/fd`;
  return readdirSync(folder).some((name) => {
    try {
      return readlinkSync(`${folder}/${name}`).endsWith(".run.lock");
    } catch {
      return false; // closed by now
    }
  });
}
