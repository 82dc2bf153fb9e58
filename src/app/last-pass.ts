import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { closeQuietly } from "../errors.ts";

/** How a cleanup pass ended. */
export interface PassEnd {
  /** Epoch seconds. */
  readonly endedAt: number;
  readonly exitCode: number;
  /** The code of the error that ended it. */
  readonly error: string | null;
  /** Tasks; null for a pass that failed before it counted them. */
  readonly purged: number | null;
}

/** How far back a ledger is searched, in bytes. */
const FARTHEST_BACK = 8 << 20;

/** The last cleanup pass of a store in an audit ledger; null for none, and for a ledger that can't be read. */
export async function lastPassIn(path: string, store: string): Promise<PassEnd | null> {
  const flags = constants.O_RDONLY | constants.O_NONBLOCK; // a named pipe must not block it
  const file = await open(path, flags).catch(() => null);
  if (file === null) return null;
  try {
    return lastPass(await endOf(file), store);
  } catch {
    return null; // a directory, or the disk
  } finally {
    await closeQuietly(file);
  }
}

async function endOf(file: FileHandle): Promise<string> {
  const { size } = await file.stat();
  const length = Math.min(size, FARTHEST_BACK);
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, size - length);
  return buffer.toString("utf8", 0, bytesRead);
}

interface Line {
  readonly run: string;
  readonly event: string;
  readonly time: string;
}

interface Begin extends Line {
  readonly store: string;
  readonly argv: readonly string[];
  readonly request?: string;
}

interface End extends Line {
  readonly exitCode: number;
  readonly error: string | null;
  readonly result: Readonly<Record<string, number>> | null;
}

function lastPass(ledger: string, store: string): PassEnd | null {
  const ends = new Map<string, End>();
  const lines = ledger.split("\n").filter((line) => WANTED.test(line));
  for (const text of lines.reverse()) {
    const line = lineIn(text);
    if (line === null) continue;
    if (line.event === "end") ends.set(line.run, line as End);
    const end = ends.get(line.run);
    if (line.event !== "begin" || end === undefined) continue;
    if (isPass(line as Begin, end, store)) {
      const { exitCode, error, result } = end;
      const endedAt = Date.parse(end.time) / 1000;
      return Number.isNaN(endedAt) ? null : { endedAt, exitCode, error, purged: result?.purged ?? null };
    }
    ends.delete(line.run);
  }
  return null;
}

/** A line that names tasks may be long, and isn't parsed. */
const WANTED = /^\{"time":"[^"]*","run":"[^"]*","event":"(begin|end)"/;

/** Null for a line that was cut off. */
function lineIn(text: string): Line | null {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** The words of commands and calls that purge by policy. A pass that failed early has no result. */
const PASSES = ["cleanup", "serve", "startCleanup", "cleanupOnce"];

function isPass({ store, argv, request }: Begin, { result }: End, ours: string): boolean {
  if (store !== ours || request !== undefined) return false;
  if (result !== null) return "candidates" in result;
  return argv.some((word) => PASSES.includes(word)) && !argv.includes("--orphans");
}
