import { describe, expect, it } from "vitest";
import { usePlace } from "../e2e/setup.ts";
import { ago, record } from "../helpers/records.ts";
import { Running } from "../helpers/ttsctl.ts";
import { Chance, SEED, times } from "./helpers/chance.ts";
import { runFaulty } from "./helpers/faulty.ts";
import { everything, exactly, missingOf, nameOf, sorted, type TestRecord } from "./helpers/stores.ts";
import { triedFault } from "./helpers/tally.ts";
import { WholeFile } from "./helpers/whole.ts";

const here = usePlace();
const ROUNDS = times(4, 40);

const some = (count: number, prefix: string, more = {}) =>
  Array.from({ length: count }, (_, i) => record(`user${i % 3}`, `${prefix}${i}`, more));
const OLD = some(40, "old");
const YOUNG = some(12, "young", { updated_at: ago(3600) });
const ONLY_IN_REDIS = some(12, "orphan");

/** A command that is killed: what is there before it, and what must be there after its next run. */
interface Case {
  readonly what: string;
  readonly line: string;
  /** In both stores, with audio and logs. */
  readonly both: readonly TestRecord[];
  /** In Redis, alone or over what the file has. */
  readonly redis: readonly TestRecord[];
  /** What is read with `import`. */
  readonly input?: readonly TestRecord[];
  /** What stays in Redis and on the disk, in file order. */
  readonly after: readonly TestRecord[];
  /** What is there before and after, and so at every moment, where it is not all of that. */
  readonly kept?: readonly TestRecord[];
  /** Tasks that Redis may go on having newer. */
  readonly mayStayNewer?: readonly TestRecord[];
  /** Artifacts of tasks that neither store has. */
  readonly unowned?: readonly TestRecord[];
  /** Whose audio and logs stay, where it is not the same. */
  readonly artifacts?: readonly TestRecord[];
  /** The status that tasks of user0 have in both stores in the end. */
  readonly marked?: string;
  /** Those of `after` that come from Redis, which has no order. */
  readonly ofRedis?: readonly TestRecord[];
  /** The file's records are those of `after` to the letter. */
  readonly exact?: boolean;
}

/** The same tasks at another time, with other content. */
const changed = (tasks: readonly TestRecord[], updated_at: string) =>
  tasks.map((task) => ({ ...task, text: "changed", updated_at }));
const NEWER = changed(OLD.slice(0, 15), ago(1800));
const ADDED = some(10, "added");
const OLDER = changed(YOUNG, "2019-01-01T00:00:00");
const UNOWNED = some(20, "unowned");

const ofUser0 = ({ user_id }: TestRecord) => user_id === "user0";
const CASES: Case[] = [
  {
    what: "cleanup --once",
    line: "cleanup --once -o json",
    ...{ both: [...OLD, ...YOUNG], redis: ONLY_IN_REDIS, after: YOUNG },
  },
  {
    what: "delete by ids",
    line: `delete --user user0 --ids ${[...OLD, ...ONLY_IN_REDIS]
      .filter(ofUser0)
      .map(({ task_id }) => task_id)
      .join(",")} --yes -o json`,
    both: [...OLD, ...YOUNG],
    redis: ONLY_IN_REDIS.filter(ofUser0),
    after: [...OLD.filter((task) => !ofUser0(task)), ...YOUNG],
  },
  {
    what: "delete by filter",
    line: "delete --status done --until 1d --yes -o json",
    ...{ both: [...OLD, ...YOUNG], redis: ONLY_IN_REDIS, after: YOUNG },
  },
  {
    what: "sync --prune",
    line: "sync --prune --yes -o json",
    ...{ both: [...OLD, ...YOUNG], redis: ONLY_IN_REDIS, after: [...OLD, ...YOUNG] },
    artifacts: [...OLD, ...YOUNG, ...ONLY_IN_REDIS],
  },
  {
    what: "mark",
    line: "mark --status failed --user user0 --where-status done --yes -o json",
    ...{ both: [...OLD, ...YOUNG], redis: [], after: [...OLD, ...YOUNG] },
    marked: "failed",
  },
  {
    what: "import, the newer records",
    line: "import in.jsonl --skip-invalid --yes -o json",
    ...{ both: [...OLD, ...YOUNG], redis: [], input: [...NEWER, ...ADDED, ...OLDER], exact: true },
    ...{ after: [...NEWER, ...OLD.slice(15), ...YOUNG, ...ADDED], artifacts: [...OLD, ...YOUNG] },
    kept: [...OLD, ...YOUNG],
  },
  {
    what: "import --merge replace",
    line: "import in.jsonl --merge replace --skip-invalid --yes -o json",
    ...{ both: [...OLD, ...YOUNG], redis: [], input: [...OLDER, ...NEWER, ...ADDED], exact: true },
    ...{ after: [...NEWER, ...OLD.slice(15), ...OLDER, ...ADDED], artifacts: [...OLD, ...YOUNG] },
    kept: [...OLD, ...YOUNG],
    // Between file and Redis: the next run finds the file as it should be, and Redis never goes back in time by itself.
    mayStayNewer: OLDER,
  },
  {
    what: "verify --repair --prune",
    line: "verify --repair --prune --yes -o json",
    ...{ both: [...OLD, ...YOUNG], redis: [...NEWER, ...ONLY_IN_REDIS], exact: true },
    after: [...NEWER, ...OLD.slice(15), ...YOUNG],
    artifacts: [...OLD, ...YOUNG, ...ONLY_IN_REDIS],
  },
  {
    what: "verify --repair --restore",
    line: "verify --repair --restore -o json",
    ...{ both: [...OLD, ...YOUNG], redis: [...NEWER, ...ONLY_IN_REDIS], exact: true },
    ...{ after: [...NEWER, ...OLD.slice(15), ...YOUNG, ...ONLY_IN_REDIS], kept: [...OLD, ...YOUNG] },
    ofRedis: ONLY_IN_REDIS,
  },
  {
    what: "cleanup --orphans --yes",
    line: "cleanup --orphans --yes -o json",
    ...{ both: [...OLD, ...YOUNG], redis: [], after: [...OLD, ...YOUNG], unowned: UNOWNED },
  },
];

async function lay({ both, redis, input, unowned = [] }: Case): Promise<void> {
  here.root.writeStore(both);
  here.root.writeArtifacts([...both, ...redis, ...unowned]);
  if (input !== undefined)
    here.root.write("in.jsonl", [...input.map((task) => JSON.stringify(task)), "no record", ""].join("\n"));
  await here.server.call("FLUSHALL");
  await here.mirrored(...both, ...redis);
}

/** Takes what another round has left away. */
function wipe(): void {
  here.root.remove();
  here.root.write("voice_task.json", "[]");
  here.root.configure(here.server.port);
}

async function expectFinished(one: Case, label: string): Promise<void> {
  const { after: planned, kept = planned, artifacts = planned, ofRedis = [], marked } = one;
  const after = [...planned.slice(0, planned.length - ofRedis.length), ...inFileOrder(ofRedis)];
  const { audio, logs } = exactly(artifacts);
  const found = sorted(await everything(here));
  triedFault(1, missingOf(kept, found));
  expect(found, label).toEqual({ ...exactly(after), audio, logs });
  if (marked !== undefined) await expectMarked(marked, label);
  if (one.exact) expect(here.root.readStore(), label).toEqual(after);
  await expectInStep(one, label);
}

/** Tasks in the order in which the file has them. */
function inFileOrder(tasks: readonly TestRecord[]): TestRecord[] {
  const order = here.root.readStore().map((task) => nameOf(task as TestRecord));
  return [...tasks].sort((a, b) => order.indexOf(nameOf(a)) - order.indexOf(nameOf(b)));
}

/** File and Redis agree, but for what may stay. */
async function expectInStep({ mayStayNewer = [] }: Case, label: string): Promise<void> {
  const { stdout } = await here.run("verify --details -o json");
  const { checked, inSync, newerInRedis, tasks } = JSON.parse(stdout);
  const allowed = new Set(mayStayNewer.map(nameOf));
  expect(
    [checked - inSync, tasks.newerInRedis.filter((task: TestRecord) => !allowed.has(nameOf(task)))],
    label,
  ).toEqual([newerInRedis, []]);
}

async function expectMarked(status: string, label: string): Promise<void> {
  const ours = (here.root.readStore() as TestRecord[]).filter(ofUser0);
  for (const { user_id, task_id, updated_at, ...record } of ours) {
    expect(record.status, label).toBe(status);
    expect(await here.server.hash(`tts:task:${user_id}:${task_id}`), label).toMatchObject({ status, updated_at });
  }
}

/** Kills it, looks whether the file is whole throughout, and runs it again to its end. */
async function killedRound(one: Case, kill: () => Promise<unknown>, label: string): Promise<void> {
  wipe();
  await lay(one);
  const whole = new WholeFile(here.root.store);
  await kill();
  const kept = sorted(await everything(here));
  expect(missingOf(one.kept ?? one.after, kept), `${label}: after the kill`).toBe(0);
  const again = await here.run(one.line);
  expect([0, 3], `${label}: ${again.stderr}`).toContain(again.code);
  expect(await whole.stop(), label).toEqual([]);
  await expectFinished(one, label);
}

describe.each(CASES)("row A, kill -9: $what", (one) => {
  const args = one.line.split(" ");

  it("at a step of its own chosen at random: the next run finishes, and nothing that stays is lost", async () => {
    const chance = new Chance(one.what);
    wipe();
    await lay(one);
    const counted = await runFaulty(args, { at: -1, act: "kill", on: "any" }, { cwd: here.root.path });
    expect([0, 3]).toContain(counted.code);
    expect(counted.steps.length).toBeGreaterThan(20);
    await expectFinished(one, "uninterrupted");
    for (let round = 0; round < ROUNDS; round++) {
      const at = chance.below(counted.steps.length);
      const label = `TTSCTL_SEED=${SEED}, killed at step ${at}`;
      const kill = () => runFaulty(args, { at, act: "kill", on: "any" }, { cwd: here.root.path });
      await killedRound(one, kill, label);
    }
  });

  it("at a moment chosen at random, by another process: the same", async () => {
    const chance = new Chance(`${one.what} by time`);
    wipe();
    await lay(one);
    const { ms } = await here.run(one.line);
    for (let round = 0; round < Math.ceil(ROUNDS / 3); round++) {
      const after = ms * (0.25 + 0.75 * chance.next());
      const kill = async () => {
        const run = new Running(args, { cwd: here.root.path });
        const timer = setTimeout(() => run.kill("SIGKILL"), after);
        await run.end();
        clearTimeout(timer);
      };
      await killedRound(one, kill, `TTSCTL_SEED=${SEED}, killed after ${Math.round(after)} ms`);
    }
  });
});
