import { TtsctlError } from "../errors.ts";
import { nearest } from "../task/nearest.ts";
import type { SignalOptions } from "./types.ts";

/** Refuses an argument. @param accepted what it may be */
export function wrongArgument(what: string, accepted: string): TtsctlError {
  return new TtsctlError("USAGE", what, { hint: `accepted: ${accepted}` });
}

/**
 * Checks an argument that is an object of options, all of which may be left out.
 * @throws TtsctlError USAGE if it isn't an object, or has another option
 */
export function checkOptions(value: unknown, name: string, accepted: readonly string[]): void {
  if (typeof value !== "object" || value === null) {
    throw wrongArgument(`${name} isn't an object`, `an object with any of ${accepted.join(", ")}`);
  }
  const unknown = Object.keys(value).find((option) => !accepted.includes(option));
  if (unknown !== undefined) throw unknownOption(name, unknown, accepted);
}

export function unknownOption(name: string, option: string, accepted: readonly string[]): TtsctlError {
  const like = nearest(option, accepted);
  return new TtsctlError("USAGE", `${name}: there is no option ${JSON.stringify(option)}`, {
    hint: `${like.length === 0 ? "" : `did you mean ${like.join(" or ")}? `}accepted: ${accepted.join(", ")}`,
  });
}

/** @throws TtsctlError USAGE */
export function checkString(value: unknown, name: string): void {
  if (typeof value !== "string") throw wrongArgument(`${name} isn't a string`, `a string as ${name}`);
}

/** @throws TtsctlError USAGE */
export function checkStrings(value: unknown, name: string, example: string): void {
  if (Array.isArray(value) && value.every((item) => typeof item === "string")) return;
  throw wrongArgument(`${name} isn't an array of strings`, `an array such as ${example}`);
}

/** @throws TtsctlError USAGE */
export function checkFunction(value: unknown, name: string): void {
  if (typeof value !== "function") throw wrongArgument(`${name} isn't a function`, `a function as ${name}`);
}

const NEVER = new AbortController().signal;

/**
 * The signal of a call that takes long.
 * @throws TtsctlError USAGE
 */
export function signalOf(options: SignalOptions, call: string, others: readonly string[] = []): AbortSignal {
  checkOptions(options, `${call}: the options`, ["signal", ...others]);
  const { signal = NEVER } = options;
  if (!(signal instanceof AbortSignal)) throw wrongArgument("signal isn't an AbortSignal", "an AbortSignal");
  return signal;
}

/** @throws TtsctlError INTERRUPTED */
export function throwIfAborted(signal: AbortSignal): void {
  if (signal.aborted) throw new TtsctlError("INTERRUPTED", "the call was aborted", { cause: signal.reason });
}
