import type { TtsctlError } from "../../src/errors.ts";
import type { Command, RedisCommands, Reply, Script, ScriptRun } from "../../src/store/redis/commands.ts";
import type { Chance } from "../faults/helpers/chance.ts";

interface Waiting {
  readonly who: string;
  readonly what: string;
  readonly run: () => Promise<void>;
}

/** Runs actors side by side, one command at a time, whose turn it is by chance. */
export class Stepper {
  /** What was run, in this order. */
  readonly log: string[] = [];
  readonly #chance: Chance;
  readonly #afterStep: (who: string) => Promise<void>;
  readonly #waiting: Waiting[] = [];

  /** @param afterStep inspects the changes of each step; `who` made it */
  constructor(chance: Chance, afterStep: (who: string) => Promise<void>) {
    this.#chance = chance;
    this.#afterStep = afterStep;
  }

  /** Waits for its turn. */
  step<T>(who: string, what: string, work: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ who, what, run: () => work().then(resolve, reject) });
    });
  }

  /** Until all have ended; what each returned. */
  async run<T>(actors: readonly (() => Promise<T>)[]): Promise<T[]> {
    let active = actors.length;
    const ends = actors.map((actor) =>
      actor().finally(() => {
        active--;
      }),
    );
    const all = Promise.all(ends);
    all.catch(() => {}); // it is awaited below
    while (active > 0) {
      await new Promise((resolve) => setImmediate(resolve)); // what follows from the last step is waiting by then
      if (this.#waiting.length > 0) await this.#next();
    }
    return all;
  }

  async #next(): Promise<void> {
    const [{ who, what, run }] = this.#waiting.splice(this.#chance.below(this.#waiting.length), 1) as [Waiting];
    this.log.push(`${who} ${what}`);
    await run();
    await this.#afterStep(who);
  }
}

/** A real connection whose commands are steps: each alone, in any order, as to the nodes of a cluster; or a batch at once. */
export class SteppedCommands implements RedisCommands {
  readonly where = "a server that a test goes through step by step";
  readonly lost = new Promise<never>(() => {});
  readonly isCluster: boolean;
  readonly #commands: RedisCommands;
  readonly #stepper: Pick<Stepper, "step">;
  readonly #who: string;

  constructor(
    commands: RedisCommands,
    stepper: Pick<Stepper, "step">,
    { who, isCluster }: { who: string; isCluster: boolean },
  ) {
    this.#commands = commands;
    this.#stepper = stepper;
    this.#who = who;
    this.isCluster = isCluster;
  }

  command(...command: Command): Promise<Reply> {
    return this.#step(nameOf(command), () => this.#commands.command(...command));
  }

  pipeline(commands: readonly Command[]): Promise<Reply[]> {
    if (!this.isCluster) return this.#step("a pipeline", () => this.#commands.pipeline(commands));
    const steps = commands.map(async (command) => {
      const [reply] = await this.#step(nameOf(command), () => this.#commands.pipeline([command]));
      return reply!;
    });
    return Promise.all(steps);
  }

  script(script: Script, keys: readonly string[], args: readonly (string | number)[]): Promise<Reply> {
    return this.#step(`script ${keys.join(" ")}`, () => this.#commands.script(script, keys, args));
  }

  scripts(script: Script, runs: readonly ScriptRun[]): Promise<Reply[]> {
    const failed = (error: unknown) => error as TtsctlError;
    return Promise.all(runs.map(({ keys, args }) => this.script(script, keys, args).catch(failed)));
  }

  scan(words: readonly string[], ...rest: Command) {
    return this.#commands.scan(words, ...rest);
  }

  each(...command: Command) {
    return this.#commands.each(...command);
  }

  close(): void {}

  #step<T>(what: string, work: () => Promise<T>): Promise<T> {
    return this.#stepper.step(this.#who, what, work);
  }
}

function nameOf([name, ...args]: Command): string {
  const shown = name === "EVAL" || name === "EVALSHA" ? [`${args[0]}`.slice(0, 5), ...args.slice(2, 8)] : args;
  return `${name} ${shown.join(" ").slice(0, 80)}`;
}
