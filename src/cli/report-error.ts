import { TtsctlError } from "../errors.ts";
import { printable } from "../printable.ts";
import type { Log } from "./log.ts";
import type { Terminal } from "./terminal.ts";

/** Prints an error as one line, or with `-o json` or `--log-format json` as one object, on stderr. Returns the exit code. */
export async function reportError(error: unknown, argv: readonly string[], { err }: Terminal): Promise<number> {
  const known = error instanceof TtsctlError ? error : unexpected(error);
  await sayError(err, known, { asJson: wantsJson(argv), stack: verbosity(argv) >= 2 ? await stackOf(error) : null });
  return known.exitCode;
}

/**
 * Prints an error in the format of the log and, for `-o json`, as the object that is its contract.
 * @param stack null where it is not wanted
 */
export async function sayError(
  log: Log,
  error: TtsctlError,
  { asJson, stack }: { asJson: boolean; stack: string | null },
): Promise<void> {
  const { message: msg, code, hint = null } = error;
  if (log.isJson) {
    const fields = { ...(asJson ? { error: msg } : {}), code, hint, ...(stack === null ? {} : { stack }) };
    return log.say({ level: "error", msg, fields });
  }
  await log.write(`${asJson ? errorJson(error) : errorText(error)}\n`);
  if (stack !== null) await log.write(`${stack}\n`);
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

function errorJson({ message, code, hint }: TtsctlError): string {
  return JSON.stringify({ error: printable(message), code, hint: hint === undefined ? null : printable(hint) });
}

/** An error as one line for people. */
export function errorText({ message, hint }: TtsctlError): string {
  return `error: ${printable(message)}${hint === undefined ? "" : ` (${printable(hint)})`}`;
}

async function stackOf(error: unknown): Promise<string> {
  const { sourceStack } = await import("./source-stack.ts");
  return sourceStack(causesOf(error));
}

function causesOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? String(error.stack) : `${error.stack}\ncaused by ${causesOf(error.cause)}`;
}
