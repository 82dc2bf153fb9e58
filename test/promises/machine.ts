import { existsSync, readdirSync } from "node:fs";
import { expect } from "vitest";
import { openTaskStore, type TaskRecord } from "../../src/library/index.ts";
import { record } from "../helpers/records.ts";
import type { RedisServer } from "../helpers/redis.ts";
import { type RecordJson, ServiceRoot } from "../helpers/root.ts";
import { recordsIn, SHAPES } from "../store/contract/writers.ts";
import { type Kill, killed, putIntoRedis, run, scoreOf, settled } from "./adapter.ts";

export type Shape = keyof typeof SHAPES;
export const TASKS = ["ann:a1", "ann:a2", "bob:b1", "bob:b2"] as const;
export type Name = (typeof TASKS)[number];
export const userOf = (name: Name) => name.split(":")[0]!;
export const taskOf = (name: Name) => name.split(":")[1]!;

/** A record, as far as it differs from others: the second of its time, and the rest. */
export interface Version {
  readonly at: number;
  readonly status: string;
  readonly text: string;
}

/** One task in the file, in Redis (its hash, and the score that both indexes have), and on the disk. */
export interface TaskState {
  file: Version | null;
  hash: Version | null;
  score: number | null;
  audio: boolean;
  log: boolean;
}

export type State = Record<Name, TaskState>;

const NOTHING: TaskState = { file: null, hash: null, score: null, audio: false, log: false };
export const nothing = () => Object.fromEntries(TASKS.map((name) => [name, { ...NOTHING }])) as State;

const TERMINAL = ["succeeded", "failed"];
export const isTerminal = ({ status }: Version) => TERMINAL.includes(status);

/** The second at which these runs began: tasks are a month old, or an hour. */
const BEGAN = Math.floor(Date.now() / 1000);
export const OLD = BEGAN - 30 * 86_400;
export const YOUNG = BEGAN - 3600;
export const isExpired = ({ at }: { at: number }) => at < BEGAN - 86_400;

function jsonOf(name: Name, { at, status, text }: Version): RecordJson & TaskRecord {
  const micros = Math.round(at * 1e6) % 1e6;
  const updated_at = new Date(Math.floor(at) * 1000)
    .toISOString()
    .replace(".000Z", micros === 0 ? "" : `.${`${micros}`.padStart(6, "0")}`);
  return record(userOf(name), taskOf(name), { status, text, updated_at });
}

function versionOf({ updated_at, status, text }: RecordJson): Version {
  return { at: scoreOf({ updated_at }), status: `${status}`, text: `${text}` };
}

/** Both stores and the disk, with the commands that work on them. */
export class Real {
  readonly root: ServiceRoot;
  readonly server: RedisServer;
  readonly shape: Shape;
  #artifactsAt = 0;

  private constructor(server: RedisServer, shape: Shape) {
    this.root = new ServiceRoot(server.port, "[cleanup]\nretention = 1d\n");
    this.server = server;
    this.shape = shape;
  }

  static async lay(server: RedisServer, shape: Shape, state: State): Promise<Real> {
    const real = new Real(server, shape);
    for (const folder of ["output", "Logs"]) real.root.write(`${folder}/.keep`, "");
    real.writeFile(state);
    await real.writeRedis(state);
    for (const name of TASKS) if (state[name].audio) real.writeArtifacts(name);
    return real;
  }

  /** Runs a command in this process. */
  async run(args: readonly string[]) {
    if (Date.now() < this.#artifactsAt + 40) await settled();
    return run(this.root, args);
  }

  async kill(args: readonly string[], kill: Kill): Promise<void> {
    await settled();
    await killed(this.root, args, kill);
    await settled();
  }

  async library<T>(work: (store: Awaited<ReturnType<typeof openTaskStore>>) => Promise<T>): Promise<T> {
    const store = await openTaskStore({ store: this.root.store, redis: this.server.url, timezone: "UTC" });
    return work(store).finally(() => store.close());
  }

  /** As the service does, which says that it was long ago: nobody needs to watch it. */
  writeFile(state: State): void {
    const records = TASKS.flatMap((name) => (state[name].file === null ? [] : [jsonOf(name, state[name].file)]));
    this.root.write("voice_task.json", SHAPES[this.shape](records), 1_600_000_000);
  }

  async writeRedis(state: State): Promise<void> {
    await this.server.call("FLUSHALL");
    const copies = TASKS.flatMap((name) => {
      const { hash, score } = state[name];
      if (hash !== null) return [jsonOf(name, hash)];
      return score === null ? [] : [{ ...jsonOf(name, { at: score, status: "", text: "" }), status: undefined }];
    });
    await putIntoRedis(this.server, ...copies);
  }

  writeArtifacts(name: Name): void {
    this.root.write(`output/${name.replace(":", "/")}/a.wav`, "x");
    this.root.write(`Logs/20200101/08/${taskOf(name)}.log`, "y");
    this.root.age();
    this.#artifactsAt = Date.now();
  }

  importFile(versions: readonly (Version & { name: Name })[]): void {
    this.root.write("in.jsonl", versions.map((one) => `${JSON.stringify(jsonOf(one.name, one))}\n`).join(""));
  }

  recordOf(name: Name, version: Version): TaskRecord {
    return jsonOf(name, version);
  }

  /** What is there, read with nothing of what is tested. Throws for what belongs to no task, or is only half there. */
  async state(): Promise<State> {
    const state = nothing();
    for (const json of recordsIn(this.root.storeText(), this.shape))
      state[`${json.user_id}:${json.task_id}` as Name].file = versionOf(json);
    const keys = (await this.server.call("KEYS", "tts:*")) as string[];
    for (const key of keys.filter((key) => key.startsWith("tts:task:"))) {
      const { payload, status, updated_at } = await this.server.hash(key);
      const version = versionOf(JSON.parse(payload!));
      expect({ ...version, ...versionOf({ status, updated_at, text: version.text }) }, key).toEqual(version);
      state[key.slice("tts:task:".length) as Name].hash = version;
    }
    const all = Object.fromEntries(await this.server.zset("tts:tasks:index"));
    const own: Record<string, string> = {};
    for (const key of keys.filter((key) => key.startsWith("tts:user:"))) {
      if ((await this.server.call("TYPE", key)) !== "zset") continue;
      for (const [task, score] of await this.server.zset(key)) own[`${key.split(":")[2]}:${task}`] = score;
    }
    for (const [name, score] of Object.entries(all)) {
      state[name as Name].score = Number(score);
      if ((await this.server.call("TYPE", `tts:user:${name.split(":")[0]}:index`)) === "zset")
        expect(own[name]).toBe(score);
    }
    expect(Object.keys(own).filter((name) => !(name in all))).toEqual([]);
    for (const name of TASKS) {
      state[name].audio = this.root.has(`output/${name.replace(":", "/")}/a.wav`);
      state[name].log = this.root.has(`Logs/20200101/08/${taskOf(name)}.log`);
    }
    const left = [
      ...readdirSync(this.root.path),
      ...(existsSync(this.root.at("output")) ? readdirSync(this.root.at("output")) : []),
    ];
    expect(left.filter((file) => /\.(ttsctl|spool|part|tmp)$|^\.ttsctl-purge$/.test(file))).toEqual([]);
    return state;
  }
}
