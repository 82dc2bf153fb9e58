import fc from "fast-check";
import { expect } from "vitest";
import { lacks } from "../helpers/lacks.ts";
import type { Kill } from "./adapter.ts";
import {
  isExpired,
  isTerminal,
  nothing,
  OLD,
  type Real,
  type State,
  TASKS,
  type TaskState,
  taskOf,
  USERS,
  userOf,
  type Version,
  YOUNG,
} from "./machine.ts";

/** What must be there, and what was there after each step. */
export interface Model {
  readonly state: State;
  readonly past: State[];
  /** A user whose index is a key of another type: Redis refuses to change these tasks. */
  broken: string | null;
}

/** One step: a command, a write of the service or a fault. It changes the model as it must change the stores. */
class Step implements fc.AsyncCommand<Model, Real> {
  readonly #name: string;
  readonly #work: (model: Model, real: Real) => Promise<void>;
  readonly #mayRun: (model: Model) => boolean;

  constructor(
    name: string,
    work: (model: Model, real: Real) => Promise<void>,
    mayRun = ({ broken }: Model) => broken === null,
  ) {
    this.#name = name;
    this.#work = work;
    this.#mayRun = mayRun;
  }

  check(model: Readonly<Model>): boolean {
    return this.#mayRun(model);
  }

  async run(model: Model, real: Real): Promise<void> {
    model.past.push(structuredClone(model.state));
    await this.#work(model, real);
    expect(await real.state()).toEqual(model.state);
  }

  toString(): string {
    return this.#name;
  }
}

const tasksOf = ({ state }: Model) => TASKS.map((name) => [name, state[name]] as const);
const count = (model: Model, which: (task: TaskState) => boolean) =>
  tasksOf(model).filter(([, task]) => which(task)).length;
const isEmptyBeside = (model: Model) =>
  count(model, ({ file }) => file !== null) === 0 && count(model, ({ score }) => score !== null) > 0;
const any = () => true;

/** Redis gets a record that isn't older than what it has; at an equal time it keeps its hash, and gets its scores. */
function mirror(task: TaskState, record: Version): void {
  if (task.hash !== null && task.hash.at > record.at) return;
  if (task.hash === null || task.hash.at < record.at) task.hash = record;
  task.score = record.at;
}

function purge(task: TaskState): void {
  Object.assign(task, nothing()[TASKS[0]]);
}

/** A command that is refused changes nothing. */
async function refused(real: Real, args: string[], code: string): Promise<void> {
  const run = await real.run(args);
  expect([run.code, run.json.code]).toEqual([1, code]);
}

/** Runs a command; if it is to be killed, that comes first, and then it finishes. */
async function finished(real: Real, args: string[], kill: Kill | null) {
  if (kill !== null) await real.kill(args, kill);
  return real.run(args);
}

const name = fc.constantFrom(...TASKS);
const status = fc.constantFrom("queued", "succeeded", "failed");
const version = fc
  .record({
    base: fc.constantFrom(OLD, YOUNG),
    step: fc.integer({ min: 0, max: 2 }),
    status,
    text: fc.constantFrom("a", "b"),
  })
  .map(({ base, step, ...rest }): Version => ({ at: base + step, ...rest }));
/** Rarely: it takes as long as twenty steps. Renames and removals are few, packets and lines are many. */
const kill: fc.Arbitrary<Kill | null> = fc.oneof(
  { weight: 30, arbitrary: fc.constant(null) },
  ...Object.entries({ "write,writev,pwrite64": 20, "rename,renameat2,unlink,rmdir,link,fsync": 4 }).map(
    ([calls, max]) => ({
      weight: lacks("strace") ? 0 : 1,
      arbitrary: fc.record({ calls: fc.constant(calls), at: fc.integer({ min: 1, max }) }),
    }),
  ),
);
const shown = (value: unknown) => JSON.stringify(value);

const service = [
  fc.record({ name, version, to: fc.constantFrom("both", "both", "file", "Redis") }).map(
    ({ name, version, to }) =>
      new Step(`the service writes ${name} to ${to}: ${shown(version)}`, async ({ state }, real) => {
        if (to !== "Redis") state[name].file = version;
        if (to !== "file") Object.assign(state[name], { hash: version, score: version.at });
        if (to === "both") {
          real.writeArtifacts(name);
          Object.assign(state[name], { audio: true, log: true });
        }
        real.writeFile(state);
        await real.writeRedis(state);
      }),
  ),
  fc.record({ name, from: fc.constantFrom("file", "Redis") }).map(
    ({ name, from }) =>
      new Step(`the service deletes ${name} from ${from}`, async ({ state }, real) => {
        Object.assign(state[name], from === "file" ? { file: null } : { hash: null, score: null });
        real.writeFile(state);
        await real.writeRedis(state);
      }),
  ),
  fc.nat(9).map(
    (ago) =>
      new Step(`the service puts its file of ${ago} steps ago back`, async ({ state, past }, real) => {
        for (const name of TASKS) state[name].file = past.at(-1 - ago)?.[name].file ?? null;
        real.writeFile(state);
      }),
  ),
];

const faults = [
  fc.record({ ago: fc.nat(9) }).map(
    ({ ago }) =>
      new Step(`Redis is as it was ${ago} steps ago`, async ({ state, past }, real) => {
        for (const name of TASKS) {
          const { hash, score } = past.at(-1 - ago)?.[name] ?? { hash: null, score: null };
          Object.assign(state[name], { hash, score });
        }
        await real.writeRedis(state);
      }),
  ),
  fc.constant(
    new Step("Redis is flushed", async ({ state }, real) => {
      for (const name of TASKS) Object.assign(state[name], { hash: null, score: null });
      await real.server.call("FLUSHALL");
    }),
  ),
  name.map(
    (name) =>
      new Step(`Redis loses the hash of ${name}`, async ({ state }, real) => {
        state[name].hash = null;
        await real.server.call("DEL", `tts:task:${name}`);
      }),
  ),
  fc.constantFrom(...USERS).map(
    (user) =>
      new Step(`the index of ${user} becomes a key of another type`, async (model, real) => {
        model.broken = user;
        await real.server.call("SET", `tts:user:${user}:index`, "x");
      }),
  ),
  fc.constant(
    new Step(
      "the index is repaired by hand",
      async (model, real) => {
        model.broken = null;
        await real.writeRedis(model.state);
      },
      ({ broken }) => broken !== null,
    ),
  ),
];

const commands = [
  fc.record({ prune: fc.boolean(), kill }).map(({ prune, kill }) => {
    const args = ["sync", ...(prune ? ["--prune", "--yes"] : [])];
    return new Step(
      `${args.join(" ")} ${shown(kill)}`,
      async (model, real) => {
        const orphans = (task: TaskState) => task.file === null && task.score !== null;
        const members = count(model, ({ score }) => score !== null);
        if (prune && count(model, ({ file }) => file !== null) === 0) return refused(real, args, "STORE_EMPTY");
        if (prune && count(model, orphans) * 2 > members) return refused(real, args, "MAX_DELETE_EXCEEDED");
        const counts = { total: 0, newerInRedis: 0, failed: 0, orphans: count(model, orphans) };
        for (const [name, task] of tasksOf(model)) {
          if (prune && orphans(task)) Object.assign(task, { hash: null, score: null });
          if (task.file === null) continue;
          counts.total++;
          if (userOf(name) === model.broken) counts.failed++;
          else if (task.hash !== null && task.hash.at > task.file.at) counts.newerInRedis++;
          else mirror(task, task.file);
        }
        const run = await finished(real, args, kill);
        if (kill !== null) return;
        expect([run.code, run.json]).toMatchObject([counts.failed > 0 ? 3 : 0, counts]);
      },
      ({ broken }) => broken === null || !prune,
    );
  }),
  fc.record({ redis: fc.boolean(), kill }).map(({ redis, kill }) => {
    const args = ["cleanup", "--once", ...(redis ? [] : ["--no-redis"])];
    return new Step(
      `${args.join(" ")} ${shown(kill)}`,
      async (model, real) => {
        if (redis && isEmptyBeside(model)) {
          expect((await real.run(args)).json.purged ?? 0).toBe(0);
          return;
        }
        const counts = { purged: 0, failed: 0 };
        for (const [name, task] of tasksOf(model)) {
          const copies = [task.file, redis ? task.hash : null].filter((copy) => copy !== null);
          const dangles = redis && task.score !== null && task.hash === null && task.file === null;
          const isDue = copies.length > 0 && copies.every((copy) => isTerminal(copy) && isExpired(copy));
          if (!isDue && !(dangles && isExpired({ at: task.score! }))) continue;
          if (redis && userOf(name) === model.broken) counts.failed++;
          else {
            counts.purged++;
            if (redis) purge(task);
            else Object.assign(task, { file: null, audio: false, log: false });
          }
        }
        const run = await finished(real, args, kill);
        if (kill !== null) return;
        const { purged, failed } = run.json as typeof counts;
        expect([purged, failed >= counts.failed, run.code], run.stderr).toEqual([
          counts.purged,
          true,
          failed > 0 ? 3 : 0,
        ]);
      },
      any,
    );
  }),
  fc.constant(
    new Step("cleanup --orphans --yes", async (model, real) => {
      const args = ["cleanup", "--orphans", "--yes"];
      if (count(model, ({ file }) => file !== null) === 0) return refused(real, args, "STORE_EMPTY");
      const isOrphan = ({ file, hash }: TaskState) => file === null && hash === null;
      const artifacts = (which: (task: TaskState) => boolean) =>
        count(model, (task) => task.audio && which(task)) + count(model, (task) => task.log && which(task));
      if (artifacts(isOrphan) * 2 > artifacts(any)) return refused(real, args, "MAX_DELETE_EXCEEDED");
      for (const [, task] of tasksOf(model))
        if (isOrphan(task)) Object.assign(task, { log: false, audio: task.audio && task.score !== null });
      expect((await real.run(args)).code).toBe(0);
    }),
  ),
  fc.record({ name, force: fc.boolean(), kill }).map(({ name, force, kill }) => {
    const args = ["delete", "--user", userOf(name), "--ids", taskOf(name), "--yes", ...(force ? ["--force"] : [])];
    return new Step(
      `${args.join(" ")} ${shown(kill)}`,
      async (model, real) => {
        if (isEmptyBeside(model)) return refused(real, args, "STORE_EMPTY");
        const task = model.state[name];
        const copies = [task.file, task.hash].filter((copy) => copy !== null);
        const isThere = copies.length > 0 || task.score !== null;
        const works = !force && copies.some((copy) => !isTerminal(copy));
        const fails = userOf(name) === model.broken;
        if (isThere && !works && !fails) purge(task);
        const run = await finished(real, args, kill);
        if (kill === null) expect(run.code).toBe(isThere && !works && !fails ? 0 : 3);
      },
      any,
    );
  }),
  fc.record({ name, status, kill }).map(({ name, status, kill }) => {
    const args = ["mark", "--user", userOf(name), "--ids", taskOf(name), "--to", status, "--yes"];
    return new Step(`${args.join(" ")} ${shown(kill)}`, async (model, real) => {
      if (isEmptyBeside(model)) return refused(real, args, "STORE_EMPTY");
      const task = model.state[name];
      const began = Date.now() / 1000;
      const newest = task.file === null || (task.hash !== null && task.hash.at > task.file.at) ? task.hash : task.file;
      await finished(real, args, kill);
      if (newest === null || (task.file !== null && newest !== task.file)) return;
      if (newest.status === status) {
        if (task.file !== null && (task.hash?.status !== status || task.hash.at !== task.file.at))
          mirror(task, task.file);
        return;
      }
      const found = (await real.state())[name];
      const marked = { ...newest, status, at: (found.file ?? found.hash)!.at };
      expect(marked.at).toBeGreaterThanOrEqual(began - 0.001);
      if (task.file !== null) task.file = marked;
      Object.assign(task, { hash: marked, score: marked.at });
    });
  }),
  fc
    .record({
      versions: fc.uniqueArray(fc.tuple(name, version), { selector: ([name]) => name, minLength: 1, maxLength: 3 }),
      kill,
    })
    .map(
      ({ versions, kill }) =>
        new Step(`import ${shown(versions)} ${shown(kill)}`, async (model, real) => {
          real.importFile(versions.map(([name, version]) => ({ name, ...version })));
          await finished(real, ["import", "in.jsonl", "--yes"], kill);
          for (const [name, version] of versions) {
            const task = model.state[name];
            const isSame = shown(task.file) === shown(version);
            if (task.file !== null && !isSame && task.file.at >= version.at) continue;
            task.file = version;
            mirror(task, version);
          }
        }),
    ),
  fc.record({ mode: fc.constantFrom("", "--restore"), kill }).map(({ mode, kill }) => {
    const args = ["verify", "--repair", ...(mode === "" ? [] : [mode])];
    return new Step(`${args.join(" ")} ${shown(kill)}`, async (model, real) => {
      const isEmpty = isEmptyBeside(model);
      await finished(real, args, kill);
      for (const [, task] of tasksOf(model)) {
        const { file, hash } = task;
        if (file !== null && (hash === null || hash.at <= file.at)) Object.assign(task, { hash: file, score: file.at });
        else if (hash !== null && (file !== null || mode === "--restore")) task.file = hash;
        else if (hash === null && !(isEmpty && mode === "")) task.score = null;
      }
    });
  }),
  fc.constant(
    new Step("verify", async (model, real) => {
      const both = (which: (file: Version, hash: Version) => boolean) =>
        count(model, ({ file, hash }) => file !== null && hash !== null && which(file, hash));
      const { json } = await real.run(["verify"]);
      expect(json).toMatchObject({
        dangling: count(model, ({ hash, score }) => hash === null && score !== null),
        onlyInFile: count(model, ({ file, score }) => file !== null && score === null),
        onlyInRedis: count(model, ({ file, hash }) => file === null && hash !== null),
        stale: both((file, hash) => file.at > hash.at),
        newerInRedis: both((file, hash) => file.at < hash.at),
        differs: both((file, hash) => file.at === hash.at && shown(file) !== shown(hash)),
        inSync: both((file, hash) => shown(file) === shown(hash)),
      });
    }),
  ),
  fc.record({ name, version }).map(
    ({ name, version }) =>
      new Step(`the library's upsert of ${name}: ${shown(version)}`, async (model, real) => {
        const task = model.state[name];
        const { state } = await real.library((store) => store.upsert(real.recordOf(name, version) as never));
        const before = task.file;
        expect(state).toBe(before !== null && before.at > version.at ? "newer" : "written");
        if (state === "newer") return;
        task.file = version;
        if (before !== null && task.hash !== null && task.hash.at <= before.at) task.hash = null;
        mirror(task, version);
      }),
  ),
  name.map(
    (name) =>
      new Step(`the library's deletion of ${name}`, async (model, real) => {
        const task = model.state[name];
        const { state } = await real.library((store) => store.delete(userOf(name), taskOf(name)));
        expect(state).toBe(task.file === null ? "missing" : "removed");
        const isNewer = task.file !== null && task.hash !== null && task.hash.at > task.file.at;
        if (!isNewer) Object.assign(task, { hash: null, score: null });
        task.file = null;
      }),
  ),
];

const task: fc.Arbitrary<TaskState> = fc
  .record({
    file: fc.option(version, { freq: 3 }),
    hash: fc.option(version, { freq: 3 }),
    same: fc.boolean(),
    artifacts: fc.boolean(),
  })
  .map(({ file, hash, same, artifacts }) => {
    const copy = same ? file : hash;
    return { file, hash: copy, score: copy?.at ?? null, audio: artifacts, log: artifacts };
  });

/** Any stores that agree or not. */
export const STATES: fc.Arbitrary<State> = fc
  .tuple(task, task, task, task)
  .map((tasks) => Object.fromEntries(TASKS.map((name, i) => [name, tasks[i]])) as State);

export const STEPS: fc.Arbitrary<fc.AsyncCommand<Model, Real>>[] = [...service, ...faults, ...commands];
