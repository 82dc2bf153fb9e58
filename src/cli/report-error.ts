import { readFileSync } from "node:fs";
import { SourceMap } from "node:module";
import { join } from "node:path";
import { TtsctlError } from "../errors.ts";
import { printable } from "../printable.ts";
import type { Log } from "./io.ts";
import { flagsIn, type Terminal } from "./terminal.ts";

export async function reportError(error: unknown, argv: readonly string[], { err }: Terminal): Promise<number> {
  const message = `unexpected error: ${error instanceof Error ? error.message : String(error)}`;
  const hint = "run the command again with -vv, and report what it prints";
  const known = error instanceof TtsctlError ? error : new TtsctlError("INTERNAL", message, { hint });
  const { asJson, verbose } = flagsIn(argv);
  const stack = verbose >= 2 ? sourceStack(error) : null;
  await sayError(err, known, asJson, stack);
  return known.exitCode;
}

/** One line, or with `-o json` or `--log-format json` one object. @param stack null without `-vv` */
export async function sayError(log: Log, error: TtsctlError, asJson: boolean, stack: string | null): Promise<void> {
  const { message: msg, code, hint = null } = error;
  if (log.isJson) {
    const fields = { ...(asJson ? { error: msg } : {}), code, hint, ...(stack === null ? {} : { stack }) };
    return log.say({ level: "error", msg, fields });
  }
  const object = { error: printable(msg), code, hint: hint && printable(hint) };
  await log.write(`${asJson ? JSON.stringify(object) : errorText(error)}\n`);
  if (stack !== null) await log.write(`${stack}\n`);
}

export function errorText({ message, hint }: TtsctlError): string {
  return `error: ${printable(message)}${hint === undefined ? "" : ` (${printable(hint)})`}`;
}

function causesOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? String(error.stack) : `${error.stack}\ncaused by ${causesOf(error.cause)}`;
}

const PLACE = /[^\s(]*main\.cjs:(\d+):(\d+)/g;

/** The stack of an error and its causes, with positions in the sources, if the bundle's map has them. */
export function sourceStack(error: unknown): string {
  const stack = causesOf(error);
  try {
    const map = new SourceMap(JSON.parse(readFileSync(join(import.meta.dirname, "main.cjs.map"), "utf8")));
    return stack.replace(PLACE, (place, line: string, column: string) => {
      const origin = map.findOrigin(Number(line), Number(column));
      if (!("fileName" in origin)) return place;
      return `${origin.fileName.replace(/^(\.\.\/)+/, "")}:${origin.lineNumber}:${origin.columnNumber}`;
    });
  } catch {
    return stack; // the code isn't bundled, or the map was deleted
  }
}
