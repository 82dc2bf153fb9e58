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
  userOf,
  type Version,
  YOUNG,
} from "./machine.ts";

/** What must be there, and what was there before each step. */
export interface Model {
  readonly state: State;
  readonly past: State[];
  /** A user whose index is a key of another type: Redis refuses to change these tasks. */
  broken: string | null;
}

const name = fc.constantFrom(...TASKS);
const status = fc.constantFrom("queued", "succeeded", "failed");
const version = fc
  .record({ base: fc.constantFrom(OLD, YOUNG), step: fc.nat(2), status, text: fc.constantFrom("a", "b") })
  .map(({ base, step, ...rest }): Version => ({ at: base + step, ...rest }));
/** Rarely: it takes as long as twenty steps. Renames and removals are few, packets and lines are many. */
const kill = fc.oneof(
  { weight: 30, arbitrary: fc.constant(null) },
  ...Object.entries({ "write,writev,pwrite64": 20, "rename,renameat2,unlink,rmdir,link,fsync": 4 }).map(
    ([calls, max]) => ({
      weight: lacks("strace") ? 0 : 1,
      arbitrary: fc.record({ calls: fc.constant(calls), at: fc.integer({ min: 1, max }) }),
    }),
  ),
);

/** What steps choose from. */
const chosen = fc.record({
  ...{ name, version, status, kill, flag: fc.boolean(), ago: fc.nat(9) },
  place: fc.constantFrom("both", "both", "file", "Redis"),
  versions: fc.uniqueArray(fc.tuple(name, version), { selector: ([name]) => name, minLength: 1, maxLength: 3 }),
});
type Chosen = typeof chosen extends fc.Arbitrary<infer C> ? C : never;

/** Changes the model as it must change the stores. */
type Work = (model: Model, real: Real, chosen: Chosen) => Promise<unknown>;

class Step implements fc.AsyncCommand<Model, Real> {
  readonly #what: string;
  readonly #chosen: Chosen;
  readonly #used = new Set<string | symbol>();

  constructor(what: string, chosen: Chosen) {
    this.#what = what;
    this.#chosen = chosen;
  }

  check({ broken }: Model): boolean {
    return (
      (this.#what in WHILE_BROKEN || broken === null) && (this.#what !== "the index is repaired" || broken !== null)
    );
  }

  async run(model: Model, real: Real): Promise<void> {
    const get = (chosen: Chosen, key: keyof Chosen) => {
      this.#used.add(key);
      return chosen[key];
    };
    model.past.push(structuredClone(model.state));
    await { ...SERVICE, ...FAULTS, ...COMMANDS, ...WHILE_BROKEN }[this.#what]!(
      model,
      real,
      new Proxy(this.#chosen, { get: get as never }),
    );
    expect(await real.state()).toEqual(model.state);
  }

  /** With the choices that it used. */
  toString(): string {
    return `${this.#what} ${[...this.#used].map((key) => shown(this.#chosen[key as keyof Chosen])).join(" ")}`;
  }
}

const shown = (value: unknown) => JSON.stringify(value);
const tasksOf = ({ state }: Model) => TASKS.map((name) => [name, state[name]] as const);
const count = (model: Model, which: (task: TaskState) => boolean) =>
  tasksOf(model).filter(([, task]) => which(task)).length;
const hasNoRecord = (model: Model) => count(model, ({ file }) => file !== null) === 0;
const isEmptyBeside = (model: Model) => hasNoRecord(model) && count(model, ({ score }) => score !== null) > 0;
const isOneOf = (name: string) => ["--user", name.split(":")[0]!, "--ids", name.split(":")[1]!, "--yes"];
const purge = (task: TaskState) => Object.assign(task, nothing()[TASKS[0]]);

/** Redis gets a record that isn't older than what it has; at an equal time it keeps its hash, and gets its scores. */
function mirror(task: TaskState, record: Version): void {
  if (task.hash !== null && task.hash.at > record.at) return;
  if (task.hash === null || task.hash.at < record.at) task.hash = record;
  task.score = record.at;
}

async function refused(real: Real, args: string[], code: string): Promise<void> {
  expect((await real.run(args)).json.code).toBe(code);
}

/** Runs a command; if it is to be killed, that comes first, and then it finishes. */
async function finished(real: Real, args: string[], kill: Kill | null) {
  if (kill !== null) await real.kill(args, kill);
  return real.run(args);
}

async function rewritten({ state }: Model, real: Real): Promise<void> {
  real.writeFile(state);
  await real.writeRedis(state);
}

const SERVICE: Record<string, Work> = {
  async "the service writes"(model, real, { name, version, place }) {
    const task = model.state[name];
    if (place !== "Redis") task.file = version;
    if (place !== "file") Object.assign(task, { hash: version, score: version.at });
    if (place === "both") {
      real.writeArtifacts(name);
      Object.assign(task, { audio: true, log: true });
    }
    await rewritten(model, real);
  },
  async "the service deletes"(model, real, { name, place }) {
    Object.assign(model.state[name], place === "file" ? { file: null } : { hash: null, score: null });
    await rewritten(model, real);
  },
  async "the service puts an earlier file back"(model, real, { ago }) {
    for (const name of TASKS) model.state[name].file = model.past.at(-1 - ago)?.[name].file ?? null;
    await rewritten(model, real);
  },
};

const FAULTS: Record<string, Work> = {
  async "Redis loads an earlier dump"(model, real, { ago }) {
    for (const name of TASKS) {
      const { hash, score } = model.past.at(-1 - ago)?.[name] ?? { hash: null, score: null };
      Object.assign(model.state[name], { hash, score });
    }
    await rewritten(model, real);
  },
  async "Redis loses a hash"({ state }, real, { name }) {
    state[name].hash = null;
    await real.server.call("DEL", `tts:task:${name}`);
  },
  async "Redis is flushed"({ state }, real) {
    for (const name of TASKS) Object.assign(state[name], { hash: null, score: null });
    await real.server.call("FLUSHALL");
  },
  async "an index becomes a key of another type"(model, real, { name }) {
    model.broken = userOf(name);
    await real.server.call("SET", `tts:user:${model.broken}:index`, "x");
  },
};

const COMMANDS: Record<string, Work> = {
  async "sync --prune"(model, real, { kill }) {
    const args = ["sync", "--prune", "--yes"];
    const isAlone = ({ file, score }: TaskState) => file === null && score !== null;
    if (hasNoRecord(model)) return refused(real, args, "STORE_EMPTY");
    if (count(model, isAlone) * 2 > count(model, ({ score }) => score !== null))
      return refused(real, args, "MAX_DELETE_EXCEEDED");
    for (const [, task] of tasksOf(model)) {
      if (isAlone(task)) Object.assign(task, { hash: null, score: null });
      else if (task.file !== null) mirror(task, task.file);
    }
    expect((await finished(real, args, kill)).code).toBe(0);
  },
  async "cleanup --orphans"(model, real) {
    const args = ["cleanup", "--orphans", "--yes"];
    const isOrphan = ({ file, hash }: TaskState) => file === null && hash === null;
    const artifacts = (which: (task: TaskState) => boolean) =>
      count(model, (task) => task.audio && which(task)) + count(model, (task) => task.log && which(task));
    if (hasNoRecord(model)) return refused(real, args, "STORE_EMPTY");
    if (artifacts(isOrphan) * 2 > artifacts(() => true)) return refused(real, args, "MAX_DELETE_EXCEEDED");
    for (const [, task] of tasksOf(model)) {
      if (isOrphan(task)) Object.assign(task, { log: false, audio: task.audio && task.score !== null });
    }
    expect((await real.run(args)).code).toBe(0);
  },
  async mark(model, real, { name, status, kill }) {
    const args = ["mark", ...isOneOf(name), "--to", status];
    if (isEmptyBeside(model)) return refused(real, args, "STORE_EMPTY");
    const task = model.state[name];
    const [began, { file, hash }] = [Date.now() / 1000, task];
    const newest = file === null || (hash !== null && hash.at > file.at) ? hash : file;
    await finished(real, args, kill);
    if (newest === null || (file !== null && newest !== file)) return;
    if (newest.status === status) {
      if (file !== null && (hash?.status !== status || hash.at !== file.at)) mirror(task, file);
      return;
    }
    const found = (await real.state())[name];
    const marked = { ...newest, status, at: (found.file ?? found.hash)!.at };
    expect(marked.at).toBeGreaterThanOrEqual(began - 0.001);
    Object.assign(task, { file: file && marked, hash: marked, score: marked.at });
  },
  async import({ state }, real, { versions, kill }) {
    real.importFile(versions.map(([name, version]) => ({ name, ...version })));
    await finished(real, ["import", "in.jsonl", "--yes"], kill);
    for (const [name, version] of versions) {
      const { file } = state[name];
      if (file !== null && shown(file) !== shown(version) && file.at >= version.at) continue;
      state[name].file = version;
      mirror(state[name], version);
    }
  },
  async "verify --repair"(model, real, { flag: restores, kill }) {
    const isKept = isEmptyBeside(model) && !restores;
    await finished(real, ["verify", "--repair", ...(restores ? ["--restore"] : [])], kill);
    for (const [, task] of tasksOf(model)) {
      const { file, hash } = task;
      if (file !== null && (hash === null || hash.at <= file.at)) Object.assign(task, { hash: file, score: file.at });
      else if (hash !== null && (file !== null || restores)) task.file = hash;
      else if (hash === null && !isKept) task.score = null;
    }
  },
  async verify(model, real) {
    const both = (which: (file: Version, hash: Version) => boolean) =>
      count(model, ({ file, hash }) => file !== null && hash !== null && which(file, hash));
    expect((await real.run(["verify"])).json).toMatchObject({
      dangling: count(model, ({ hash, score }) => hash === null && score !== null),
      onlyInFile: count(model, ({ file, score }) => file !== null && score === null),
      onlyInRedis: count(model, ({ file, hash }) => file === null && hash !== null),
      stale: both((file, hash) => file.at > hash.at),
      newerInRedis: both((file, hash) => file.at < hash.at),
      differs: both((file, hash) => file.at === hash.at && shown(file) !== shown(hash)),
      inSync: both((file, hash) => shown(file) === shown(hash)),
    });
  },
  async "the library's upsert"(model, real, { name, version }) {
    const task = model.state[name];
    const before = task.file;
    const { state } = await real.library((store) => store.upsert(real.recordOf(name, version)));
    expect(state).toBe(before !== null && before.at > version.at ? "newer" : "written");
    if (state === "newer") return;
    task.file = version;
    if (before !== null && task.hash !== null && task.hash.at <= before.at) task.hash = null;
    mirror(task, version);
  },
  async "the library's deletion"({ state }, real, { name }) {
    const { file, hash } = state[name];
    const outcome = await real.library((store) => store.delete(userOf(name), taskOf(name)));
    expect(outcome.state).toBe(file === null ? "missing" : "removed");
    state[name].file = null;
    if (file === null || hash === null || hash.at <= file.at) Object.assign(state[name], { hash: null, score: null });
  },
};

/** These also run while Redis refuses to change the tasks of one user. */
const WHILE_BROKEN: Record<string, Work> = {
  async sync(model, real, { kill }) {
    const counts = { total: 0, newerInRedis: 0, failed: 0, orphans: 0 };
    for (const [name, task] of tasksOf(model)) {
      if (task.file === null && task.score !== null) counts.orphans++;
      if (task.file === null) continue;
      counts.total++;
      if (userOf(name) === model.broken) counts.failed++;
      else if (task.hash !== null && task.hash.at > task.file.at) counts.newerInRedis++;
      else mirror(task, task.file);
    }
    const { code, json } = await finished(real, ["sync"], kill);
    expect([code, json]).toMatchObject([counts.failed > 0 ? 3 : 0, counts]);
  },
  async "cleanup --once"(model, real, { flag: redis, kill }) {
    const args = ["cleanup", "--once", ...(redis ? [] : ["--no-redis"])];
    if (redis && isEmptyBeside(model)) return expect((await real.run(args)).json.purged ?? 0).toBe(0);
    const counts = { purged: 0, failed: 0 };
    for (const [name, task] of tasksOf(model)) {
      const { file, hash, score } = task;
      const copies = [file, redis ? hash : null].filter((copy) => copy !== null);
      const dangles = redis && score !== null && hash === null && file === null && isExpired({ at: score });
      if (!dangles && (copies.length === 0 || !copies.every((copy) => isTerminal(copy) && isExpired(copy)))) continue;
      if (redis && userOf(name) === model.broken) counts.failed++;
      else {
        counts.purged++;
        if (redis) purge(task);
        else Object.assign(task, { file: null, audio: false, log: false });
      }
    }
    const { code, json, stderr } = await finished(real, args, kill);
    const { purged, failed } = json as typeof counts;
    expect([failed >= counts.failed, code], stderr).toEqual([true, failed > 0 ? 3 : 0]);
    if (kill === null) expect(purged).toBe(counts.purged);
  },
  async delete(model, real, { name, flag: force, kill }) {
    const args = ["delete", ...isOneOf(name), ...(force ? ["--force"] : [])];
    if (isEmptyBeside(model)) return refused(real, args, "STORE_EMPTY");
    const task = model.state[name];
    const copies = [task.file, task.hash].filter((copy) => copy !== null);
    const isThere = copies.length > 0 || task.score !== null;
    const isDeleted = isThere && (force || copies.every(isTerminal)) && userOf(name) !== model.broken;
    if (isDeleted) purge(task);
    const { code } = await finished(real, args, kill);
    if (kill === null) expect(code).toBe(isDeleted ? 0 : 3);
  },
  async "the index is repaired"(model, real) {
    model.broken = null;
    await rewritten(model, real);
  },
};

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
export const STATES = fc
  .tuple(...TASKS.map(() => task))
  .map((tasks) => Object.fromEntries(TASKS.map((name, i) => [name, tasks[i]])) as State);

export const STEPS = [SERVICE, FAULTS, COMMANDS, WHILE_BROKEN].flatMap((steps) =>
  Object.keys(steps).map((what) => chosen.map((one) => new Step(what, one))),
);
