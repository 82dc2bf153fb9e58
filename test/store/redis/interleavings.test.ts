import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RedisClient } from "../../../src/store/redis/client.ts";
import { Mirror } from "../../../src/store/redis/mirror.ts";
import { removeFromMirror, writeToMirror } from "../../../src/store/redis/write.ts";
import { type Writable, writable } from "../../../src/store/writable.ts";
import type { RecordRules } from "../../../src/task/rules.ts";
import type { Task } from "../../../src/task/task.ts";
import { Chance, times } from "../../faults/helpers/chance.ts";
import { API_MS_RULES, RULES, record, taskIn } from "../../helpers/records.ts";
import { RedisServer } from "../../helpers/redis.ts";
import { SEED } from "../../helpers/seed.ts";
import { SteppedCommands, Stepper } from "../../helpers/stepped.ts";
import { targetAt } from "../../helpers/targets.ts";
import { KINDS } from "./setup.ts";

const RUNS = times(150, 10_000);
const ID = { userId: "alice", taskId: "t1" };
const MEMBER = "alice:t1";
const SERVICE = "the service";

/** What there is of the task; times as seconds after those of a test began. */
interface State {
  readonly hash: number | null;
  readonly global: number | null;
  readonly own: number | null;
  /** The user that its lookup names. */
  readonly lookup: string | null;
}
type Part = keyof State;
const PARTS: readonly Part[] = ["hash", "global", "own", "lookup"];

type Action =
  | { readonly kind: "write" | "rewrite" | "remove" | "serve"; readonly at: number }
  | { readonly kind: "drop" };

/** What is there when a run begins, and who does what then. */
interface Plan {
  readonly start: State;
  readonly actions: readonly Action[];
}

let server: RedisServer;
let client: RedisClient;
beforeAll(async () => {
  server = await RedisServer.start();
  client = await RedisClient.connect(targetAt(server.port));
});
afterAll(async () => {
  client.close();
  await server.remove();
});

const KINDS_OF_ACTION = ["write", "rewrite", "remove", "serve", "drop"] as const;

function planOf(chance: Chance): Plan {
  const hash = chance.of([null, 1, 2]);
  const score = chance.of([hash, hash, 1, 5, null]);
  const lookup = chance.of([hash === null ? null : "alice", null, "alice"]);
  const actions = Array.from({ length: 2 + chance.below(2) }, (): Action => {
    const kind = chance.of(KINDS_OF_ACTION);
    return kind === "drop" ? { kind } : { kind, at: 1 + chance.below(4) };
  });
  return { start: { hash, global: score, own: score, lookup }, actions };
}

/** One run of a plan: the task, its keys, and who changed what last. */
class Place {
  readonly #rules: RecordRules;
  readonly #isCluster: boolean;
  readonly #stepper: Stepper;
  readonly #layout: Writable<Mirror>["layout"];
  readonly #mirror: Writable<Mirror>;
  readonly #log: { part: Part; who: string }[] = [];
  #state: State = { hash: null, global: null, own: null, lookup: null };

  constructor(rules: RecordRules, isCluster: boolean, chance: Chance) {
    this.#rules = rules;
    this.#isCluster = isCluster;
    this.#stepper = new Stepper(chance, (who) => this.#look(who));
    this.#mirror = writable(new Mirror(client, rules));
    this.#layout = this.#mirror.layout;
  }

  /** Returns what is wrong in the end, or null. */
  async run({ start, actions }: Plan): Promise<string | null> {
    await client.command("FLUSHALL");
    const commands = [
      ...(start.hash === null ? [] : [this.#hash(start.hash)]),
      ...(start.global === null ? [] : this.#members(start.global)),
      ...(start.lookup === null ? [] : this.#lookup("SET", "alice")),
    ];
    for (const command of commands) await client.command(...command);
    await this.#look("setup");
    this.#log.length = 0;
    const before = this.#state;
    const results = await this.#stepper.run(actions.map((action, i) => () => this.#act(action, `${action.kind} ${i}`)));
    const wrong = this.#wrong(before, results) ?? this.#lost(actions);
    return wrong === null ? null : JSON.stringify({ wrong, before, actions, results, log: this.#stepper.log }, null, 1);
  }

  async #act(action: Action, who: string): Promise<string> {
    if (action.kind === "drop") {
      return this.#serve([
        ["DEL", this.#key],
        ["ZREM", "tts:tasks:index", MEMBER],
        ["ZREM", "tts:user:alice:index", "t1"],
        ...this.#lookup("DEL"),
      ]);
    }
    const { kind, at } = action;
    if (kind === "serve") {
      return this.#serve([this.#hash(at), ...this.#members(at), ...this.#lookup("SET", "alice")]);
    }
    const mirror = writable(
      new Mirror(new SteppedCommands(client, this.#stepper, { who, isCluster: this.#isCluster }), this.#rules),
    );
    const [outcome] =
      kind === "remove"
        ? await removeFromMirror(mirror, [{ id: ID, before: this.#task(at).score }])
        : await writeToMirror(mirror, [this.#task(at)], { overEqual: kind === "rewrite" });
    return `${kind}: ${outcome}`;
  }

  /** As a service does it: each command separately, without a lock or a guard. */
  async #serve(commands: readonly string[][]): Promise<string> {
    for (const command of commands) {
      await this.#stepper.step(SERVICE, command.slice(0, 4).join(" "), () => client.command(...command));
    }
    return SERVICE;
  }

  /**
   * Hash and members agree, or the hash is gone and a member may dangle. Other differences are the service's, which changed
   * the part after the last change of the hash; or they were there before, and ttsctl wrote nothing.
   */
  #wrong(before: State, results: readonly string[]): string | null {
    const { hash } = this.#state;
    if (hash === null) return null;
    const due: Partial<State> = { global: hash, own: hash, ...(this.#layout.hasLookups ? { lookup: "alice" } : {}) };
    const noWrite = !results.some((result) => /write: (written|reindexed|unchanged)/.test(result));
    const part = PARTS.find((name) => {
      if (!(name in due) || this.#state[name] === due[name]) return false;
      if (noWrite && hash === before.hash && this.#state[name] === before[name]) return false;
      const last = this.#log.findLastIndex((change) => change.part === name);
      const wasServed = last >= 0 && this.#log[last]!.who === SERVICE;
      return !(wasServed && last > this.#log.findLastIndex((change) => change.part === "hash"));
    });
    return part === undefined ? null : `${part} of ${JSON.stringify(this.#state)}`;
  }

  /** A task that no action removes is there in the end, at least as new as the service wrote it. */
  #lost(actions: readonly Action[]): string | null {
    const served = Math.max(...actions.map((action) => (action.kind === "serve" ? action.at : 0)));
    const isRemoved = actions.some(
      (action) => action.kind === "drop" || (action.kind === "remove" && action.at >= served),
    );
    const servedOnce = actions.filter(({ kind }) => kind === "serve").length === 1;
    if (!servedOnce || isRemoved || (this.#state.hash ?? 0) >= served) return null;
    return `${served} was lost: ${JSON.stringify(this.#state)}`;
  }

  async #look(who: string): Promise<void> {
    const [time, global, own, lookup = null] = await client.pipeline([
      ["HGET", this.#key, "updated_at"],
      ["ZSCORE", "tts:tasks:index", MEMBER],
      ["ZSCORE", "tts:user:alice:index", "t1"],
      ...this.#lookup("GET"),
    ]);
    const second = (score: number) => score - this.#task(0).score;
    const state: State = {
      hash: typeof time === "string" ? second(this.#mirror.parser.times.ofHash(time)) : null,
      global: typeof global === "string" ? second(Number(global)) : null,
      own: typeof own === "string" ? second(Number(own)) : null,
      lookup: lookup as string | null,
    };
    for (const part of PARTS) if (state[part] !== this.#state[part]) this.#log.push({ part, who });
    this.#state = state;
  }

  #task(at: number): Task {
    const time = 1_704_067_200 + at;
    return taskIn(this.#rules, record("alice", "t1", { created_at: time, updated_at: time }));
  }

  get #key(): string {
    return this.#layout.taskKey("alice", "t1");
  }

  #hash(at: number): string[] {
    const values = this.#layout.valuesOf(this.#task(at));
    return ["HSET", this.#key, ...this.#layout.fields.flatMap((name, i) => [name, values[i]!])];
  }

  #members(at: number): string[][] {
    const score = String(this.#task(at).score);
    return [
      ["ZADD", "tts:tasks:index", score, MEMBER],
      ["ZADD", "tts:user:alice:index", score, "t1"],
    ];
  }

  /** A command about its lookup, where there is one. */
  #lookup(name: string, ...args: string[]): string[][] {
    return this.#layout.hasLookups ? [[name, this.#layout.lookupKey("t1"), ...args]] : [];
  }
}

const LAYOUTS = [
  { layout: "plain", rules: RULES },
  { layout: "api_ms", rules: API_MS_RULES },
] as const;

describe.each(KINDS)("copies on %s", (kind) => {
  it.each(LAYOUTS)(
    "in the layout $layout are in sync, or as the service left them, in any order of steps",
    async ({ layout, rules }) => {
      const chance = new Chance(`interleavings on ${kind}, ${layout}`);
      for (let run = 0; run < RUNS; run++) {
        const plan = planOf(chance);
        const wrong = await new Place(rules, kind === "a cluster", chance).run(plan);
        expect(wrong, `TTSCTL_SEED=${SEED}, run ${run}`).toBeNull();
      }
    },
  );
});
