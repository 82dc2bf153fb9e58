import { TtsctlError } from "../errors.ts";
import { printable } from "../render/printable.ts";
import type { Terminal } from "./terminal.ts";

/** Prints an error as one line, or with `-o json` as one object, on stderr. Returns the exit code. */
export async function reportError(error: unknown, argv: readonly string[], { err }: Terminal): Promise<number> {
  const known = error instanceof TtsctlError ? error : unexpected(error);
  await err.write(`${wantsJson(argv) ? errorJson(known) : errorText(known)}\n`);
  if (verbosity(argv) >= 2) await err.write(`${stackOf(error)}\n`);
  return known.exitCode;
}

function unexpected(cause: unknown): TtsctlError {
  const message = cause instanceof Error ? cause.message : String(cause);
  return new TtsctlError("INTERNAL", `unexpected error: ${message}`, {
    hint: "run it again with -vv and report what it prints",
    cause,
  });
}

/** Flags may be what is wrong, so the format is looked for without parsing them. */
function wantsJson(argv: readonly string[]): boolean {
  return argv.some((arg, i) => {
    if (arg === "-o" || arg === "--output") return isJson(argv[i + 1]);
    const joined = /^(?:--output=|-o=?)(.+)$/.exec(arg);
    return joined !== null && isJson(joined[1]);
  });
}

function verbosity(argv: readonly string[]): number {
  return argv.reduce((sum, arg) => sum + (arg === "--verbose" ? 1 : /^-v+$/.test(arg) ? arg.length - 1 : 0), 0);
}

function isJson(format: string | undefined): boolean {
  return format === "json" || format === "jsonl";
}

/** An error as one JSON object, for `-o json`. */
export function errorJson({ message, code, hint }: TtsctlError): string {
  return JSON.stringify({ error: printable(message), code, hint: hint === undefined ? null : printable(hint) });
}

/** An error as one line for people. */
export function errorText({ message, hint }: TtsctlError): string {
  return `error: ${printable(message)}${hint === undefined ? "" : ` (${printable(hint)})`}`;
}

function stackOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? String(error.stack) : `${error.stack}\ncaused by ${stackOf(error.cause)}`;
}
