import { spawn } from "node:child_process";
import { once } from "node:events";
import { dirname, join } from "node:path";
import { inject } from "vitest";
import { openTaskStore } from "../../../src/library/index.ts";
import { cleanEnv } from "../../helpers/clean-env.ts";
import type { RecordJson } from "../../helpers/root.ts";
import { type Fault, withFault } from "./steps.ts";

const SCRIPT = new URL("writing.mjs", import.meta.url).pathname;

export interface ProgramOptions {
  readonly store: string;
  readonly redis?: string;
  readonly timezone?: string;
  readonly prefix?: string;
  readonly count: number;
  readonly tasks: number;
  readonly width: number;
  /** The largest file that it may write, in bytes. */
  readonly fileSize?: number;
  /** It is killed so many milliseconds after its first word. */
  readonly killAfter?: number;
}

/** What a program that uses the library said of its changes. */
export interface Said {
  readonly asked: ReadonlySet<number>;
  readonly done: ReadonlyMap<number, { readonly file: string; readonly redis: string }>;
  readonly failed: ReadonlyMap<number, string>;
  readonly code: number | null;
  readonly stderr: string;
}

/** The built library, as a program imports it. */
export function builtLibrary(): string {
  return join(inject("packageRoot"), "dist/library.mjs");
}

/** Runs a separate program that makes such changes (see writing.mjs). */
export async function runProgram({ fileSize, killAfter, ...task }: ProgramOptions): Promise<Said> {
  const env = cleanEnv({ PROGRAM: JSON.stringify({ library: builtLibrary(), ...task }) });
  const limit = fileSize === undefined ? [] : ["prlimit", `--fsize=${fileSize}`];
  const [command, ...args] = [...limit, process.execPath, SCRIPT];
  const child = spawn(command!, args, { env, stdio: ["ignore", "pipe", "pipe"] });
  let [stdout, stderr] = ["", ""];
  if (killAfter !== undefined) child.stdout.once("data", () => setTimeout(() => child.kill("SIGKILL"), killAfter));
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const [code] = (await once(child, "close")) as [number | null];
  const words = stdout.split("\n").filter((line) => line.endsWith("}"));
  return { ...heard(words.map((line) => JSON.parse(line) as Word)), code, stderr };
}

/** The same in this process, with a fault in it. */
export async function runInProcess(task: ProgramOptions, fault: Fault) {
  const { write } = (await import(SCRIPT)) as { write: (...args: unknown[]) => Promise<void> };
  const words: Word[] = [];
  const work = () => write(openTaskStore, task, (word: Word) => words.push(word)).catch(() => {}); // it may not be closed
  const { steps, hasCrashed } = await withFault(dirname(task.store), fault, work);
  return { said: { ...heard(words), code: 0, stderr: "" }, steps, hasCrashed };
}

interface Word {
  readonly asked?: number;
  readonly done?: number;
  readonly failed?: number;
  readonly file: string;
  readonly redis: string;
  readonly code: string;
}

function heard(words: readonly Word[]) {
  return {
    asked: new Set(words.flatMap(({ asked }) => asked ?? [])),
    done: new Map(
      words.flatMap(({ done, file, redis }) => (done === undefined ? [] : [[done, { file, redis }] as const])),
    ),
    failed: new Map(words.flatMap(({ failed, code }) => (failed === undefined ? [] : [[failed, code] as const]))),
  };
}

/**
 * The tasks of a program whose record in a store is neither what it had resolved last, nor what it asked for after that:
 * lost, or invented.
 * @param held by `user:task`
 */
export function wrongIn(
  held: Readonly<Record<string, RecordJson>>,
  said: Said,
  { tasks, prefix = "p" }: Pick<ProgramOptions, "tasks" | "prefix">,
): string[] {
  const wrong: string[] = [];
  for (let task = 0; task < tasks; task++) {
    const name = `alice:${prefix}${task}`;
    const last = Math.max(-1, ...[...said.done.keys()].filter((n) => n % tasks === task));
    const after = [...said.asked].filter((n) => n % tasks === task && n >= last);
    const mayBe = new Set(after.map(stateAfter));
    if (last < 0) mayBe.add(null); // nothing of it had resolved
    const is = (held[name]?.n as number | undefined) ?? null;
    if (!mayBe.has(is)) wrong.push(`${name}: ${is}, not one of ${[...mayBe].join(", ")}`);
  }
  return wrong;
}

function stateAfter(n: number): number | null {
  return n % 7 === 6 ? null : n;
}
