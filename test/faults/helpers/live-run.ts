import { execFile } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { promisify } from "node:util";
import { type LayoutName, RecordRules } from "../../../src/task/rules.ts";
import { Zone } from "../../../src/task/time.ts";
import { cleanEnv } from "../../helpers/clean-env.ts";
import { FastClock } from "../../helpers/clock.ts";
import { putIntoMirror } from "../../helpers/doubles.ts";
import { LONG } from "../../helpers/long.ts";
import { record } from "../../helpers/records.ts";
import { RedisServer } from "../../helpers/redis.ts";
import { ServiceRoot } from "../../helpers/root.ts";
import { Service, type Word } from "../../helpers/service.ts";
import { built, lines, ttsctl } from "../../helpers/ttsctl.ts";
import { textOf } from "../../store/write/setup.ts";
import { ZONE } from "./beside.ts";
import { type Copy, judge, readCopies, stateOf, type Undone } from "./live-judge.ts";
import { builtLibrary } from "./program.ts";
import { nameOf } from "./stores.ts";
import { WholeFile } from "./whole.ts";

const execute = promisify(execFile);
const LIBRARY_PROGRAM = new URL("live-library.mjs", import.meta.url).pathname;
const RATE = 40;
/** Unfinished tasks at a time. */
const ACTIVE = 60;
/** Unfinished tasks that nothing changes: reading and writing the file takes the service some milliseconds. */
const OTHERS = 500;
const DELETED = 0.2;
const WRITES_PER_TASK = 5 + DELETED;

const EACH = {
  cleanup: "cleanup --once --retention 3s --backup removed.jsonl -o json",
  delete: "delete --status done,error --until 3s --yes --backup removed.jsonl -o json",
  sync: "sync -o json",
  mark: "mark --status wait,run --since 1h --to error --error marked --yes -o json",
  import: "import input.jsonl --yes -o json",
  verify: "verify --repair -o json",
  orphans: "cleanup --orphans --yes --retention 1s --max-delete 100% -o json",
};

/** What runs again and again beside the service; nothing in the control. */
export const COMMANDS = {
  ...EACH,
  replace: "import input.jsonl --merge replace --yes -o json",
  prune: "verify --repair --prune --yes --max-delete 100% -o json",
  restore: "verify --repair --restore -o json",
  all: Object.values(EACH).join("\n"),
  none: "",
  library: "",
} as const;

export interface Combination {
  readonly command: keyof typeof COMMANDS;
  readonly times: "micro" | "whole";
  /** "append": JSON Lines to which the service appends; otherwise it rewrites the file. */
  readonly shape: "array" | "map" | "jsonl" | "append";
  readonly layout: LayoutName;
}

/** The published service has whole seconds only, and doesn't append. */
export const COMBINATIONS: readonly Combination[] = (Object.keys(COMMANDS) as Combination["command"][]).flatMap(
  (command) =>
    (["array", "map", "jsonl", "append"] as const).flatMap((shape): Combination[] => [
      { command, times: "micro", shape, layout: "plain" },
      { command, times: "whole", shape, layout: "plain" },
      ...(shape === "append" ? [] : [{ command, times: "whole", shape, layout: "api_ms" } as const]),
      ...(shape === "array" ? [{ command, times: "whole", shape, layout: "api_ms_v3" } as const] : []),
    ]),
);

/** The round of the loop before which Redis is flushed. */
const FLUSHED = 2;

export const titleOf = ({ command, times, shape, layout }: Combination): string =>
  `${command} ${times} ${shape} ${layout}`;

/** Those that act on tasks that Redis alone has; beside a service that deletes tasks it can't be said which these are. */
const ASKS_FOR_ALONE: readonly Combination["command"][] = ["prune", "restore"];

export interface Outcome extends Undone {
  readonly tasks: number;
  readonly passes: number;
  /** Runs with an unexpected exit code, but for those that waited too long for a lock. */
  readonly failures: readonly string[];
}

/** The service beside a loop of one command. */
class LiveRun {
  readonly #combination: Combination;
  readonly #server: RedisServer;
  readonly #root = new ServiceRoot();
  readonly #service: Service;
  readonly #failures: string[] = [];
  readonly #whole: WholeFile | null;
  /** The last words of others than the service. */
  readonly #ownWords = new Map<string, Word>();
  /** Tasks that the service deleted after import's input was written and before that import ended. */
  readonly #imported = new Set<string>();
  readonly #replaced = new Set<string>();
  #passes = 0;

  constructor(combination: Combination, server: RedisServer, tasks: number, seed: number) {
    this.#combination = combination;
    this.#server = server;
    const { times, shape, layout } = combination;
    const redis = `port = ${server.port}\nlayout = ${layout}`;
    this.#root.write("config.ini", `[redis]\n${redis}\n[service]\ntimezone = ${ZONE}\n`);
    this.#writeOthers();
    const isLines = shape === "jsonl" || shape === "append";
    this.#whole = isLines ? null : new WholeFile(this.#root.store);
    const deleted = ASKS_FOR_ALONE.includes(combination.command) ? 0 : DELETED;
    this.#service = new Service(this.#root.path, ZONE, [
      ...["--redis-port", server.port, "--tasks", tasks, "--active", ACTIVE, "--rate", RATE, "--seed", seed],
      ...["--delete-some", deleted, "--layout", layout, ...(times === "whole" ? ["--whole-seconds"] : [])],
      ...(shape === "append" ? ["--shape", "jsonl", "--append"] : ["--shape", shape]),
    ]);
  }

  async run(): Promise<Outcome> {
    const { command } = this.#combination;
    if (ASKS_FOR_ALONE.includes(command)) await this.#putAlone();
    await this.#service.wrote(1);
    if (command === "library") await this.#library();
    else if (COMMANDS[command] !== "") await this.#loop(COMMANDS[command].split("\n"));
    const code = await this.#service.end();
    if (code !== 0) this.#failures.push(`the service ended with ${code}`);
    this.#failures.push(...((await this.#whole?.stop()) ?? []));
    const words = [...this.#service.lastWords.values(), ...this.#ownWords.values()];
    const undone = await judge(words, {
      file: readCopies(this.#root.storeText(), this.#combination.shape),
      server: this.#server,
      layout: this.#combination.layout,
      removed: this.#removed(),
      imported: this.#imported,
      replaced: this.#replaced,
    });
    const lost = [...undone.lost, ...this.#lostAudio()];
    return { ...undone, lost, tasks: words.length, passes: this.#passes, failures: this.#failures };
  }

  /** Of tasks that the service finished and nobody removed; in the other layout directories have other names. */
  #lostAudio(): string[] {
    if (this.#combination.layout !== "plain") return [];
    const removed = this.#removed();
    const finished = [...this.#service.lastWords.values()].filter(({ status }) => status === "succeeded");
    const kept = finished.filter((word) => !removed.has(stateOf(word)));
    const paths = kept.map(({ user_id, task_id }) => `output/${user_id}/${task_id}/${task_id}.wav`);
    return paths.filter((path) => !this.#root.has(path));
  }

  /** Tasks that Redis alone has: a repair prunes or restores them. */
  async #putAlone(): Promise<void> {
    const { layout, command } = this.#combination;
    const rules = new RecordRules(new Zone(ZONE), layout);
    const time = layout !== "plain" ? 1_700_000_000 : "2023-11-14T22:13:20";
    const alone = Array.from({ length: 10 }, (_, i) =>
      record("alone", `a${i}`, { status: "succeeded", created_at: time, updated_at: time }),
    ) as Copy[];
    await putIntoMirror(this.#server, alone, rules);
    for (const one of alone) this.#ownWords.set(nameOf(one), command === "prune" ? { ...one, status: "deleted" } : one);
  }

  async end(): Promise<void> {
    this.#service.kill();
    await this.#service.end();
    this.#root.remove();
  }

  async #loop(lines: readonly string[]): Promise<void> {
    for (let round = 0; !this.#service.hasEnded; round++) {
      if (round === FLUSHED && this.#isFlushed) {
        await this.#server.call("FLUSHALL");
        await this.#command(["sync", "-o", "json"]);
      }
      const args = lines[round % lines.length]!.split(" ");
      const input = args[0] === "import" ? this.#writeInput(round) : [];
      const isWell = await this.#command(args);
      for (const record of input) this.#afterImport(record, isWell);
    }
  }

  /** A sync then fills the users' indexes of a V3 service in its order. */
  get #isFlushed(): boolean {
    const { layout, command } = this.#combination;
    return layout === "api_ms_v3" && !ASKS_FOR_ALONE.includes(command);
  }

  async #command(args: readonly string[]): Promise<boolean> {
    const options = { cwd: this.#root.path };
    const { code, stderr } = await (LONG ? built(args, options) : ttsctl(args, { ...options, clock: new FastClock() }));
    this.#passes++;
    const isWell = code === 0 || code === 3;
    if (!isWell && !/LOCK_TIMEOUT|STORE_BUSY/.test(stderr)) this.#failures.push(`exit ${code}: ${stderr.trim()}`);
    return isWell;
  }

  #writeOthers(): void {
    const time = this.#combination.layout !== "plain" ? 1_700_000_000 : "2023-11-14T22:13:20";
    const others = Array.from({ length: OTHERS }, (_, i) =>
      record("other", `t${i}`, { status: "running", created_at: time, updated_at: time }),
    );
    const { shape } = this.#combination;
    this.#root.write("voice_task.json", textOf(shape === "append" ? "jsonl" : shape, others));
  }

  /** The tasks that the file has just now, and some of our own. */
  #writeInput(round: number): Copy[] {
    const { layout } = this.#combination;
    // Two rounds may be within one second.
    const now = layout !== "plain" ? Math.floor(Date.now() / 1000) + round : new Date().toISOString();
    // Beside all commands they are finished, or `mark` would change them.
    const status = round % 2 === 0 && this.#combination.command !== "all" ? "running" : "succeeded";
    const own = Array.from({ length: 20 }, (_, i) => {
      return { user_id: "import", task_id: `own${i}`, status, error: null, created_at: now, updated_at: now };
    });
    const inFile = [...readCopies(this.#root.storeText(), this.#combination.shape).values()];
    // The time of a mark is newer than what a service with whole seconds writes later in that second.
    const theirs = inFile.filter(({ user_id, error }) => user_id !== "import" && error !== "marked");
    const records = [...theirs, ...own];
    this.#root.write("input.jsonl", records.map((record) => `${JSON.stringify(record)}\n`).join(""));
    return records;
  }

  #afterImport(record: Copy, isWell: boolean): void {
    const name = nameOf(record);
    if (this.#combination.command === "replace") this.#replaced.add(stateOf(record));
    if (record.user_id !== "import") {
      if (this.#service.lastWords.get(name)?.status === "deleted") this.#imported.add(name);
    } else if (isWell) this.#ownWords.set(name, record);
    else this.#ownWords.delete(name);
  }

  /** Runs a program that writes its own tasks with the library until the service ends. */
  async #library(): Promise<void> {
    const { times, layout } = this.#combination;
    const redis = { port: this.#server.port, layout };
    const PROGRAM = JSON.stringify({
      ...{ library: builtLibrary(), stop: this.#root.at("stop"), times, layout },
      options: { store: this.#root.store, redis, timezone: ZONE },
    });
    void this.#service.end().then(() => this.#root.write("stop", ""));
    const { stdout } = await execute(process.execPath, [LIBRARY_PROGRAM], { env: cleanEnv({ PROGRAM }) });
    for (const line of lines(stdout)) {
      const word = JSON.parse(line) as Word;
      this.#ownWords.set(nameOf(word), word);
      this.#passes++;
    }
  }

  /** What ttsctl removed, in which state. */
  #removed(): ReadonlySet<string> {
    const path = this.#root.at("removed.jsonl");
    const text = existsSync(path) ? readFileSync(path, "utf8") : "";
    return new Set(lines(text).map((line) => stateOf(JSON.parse(line) as Copy)));
  }
}

/** Runs the service for about so many seconds beside a loop of one command, and counts what was undone. */
export async function runBeside(combination: Combination, seconds: number, seed: number): Promise<Outcome> {
  const server = await RedisServer.start();
  const live = new LiveRun(combination, server, Math.ceil((seconds * RATE) / WRITES_PER_TASK), seed);
  try {
    return await live.run();
  } finally {
    await live.end();
    await server.remove();
  }
}
