import type { Context } from "./context.ts";

/**
 * Prints a result that is one object: as text for people, or in the format asked for.
 * @param text what people read
 */
export async function emitObject(
  context: Context,
  object: object,
  text: () => Promise<string> | string,
): Promise<void> {
  const { out } = context.terminal;
  const json = JSON.stringify(object);
  switch (context.flags.output) {
    case "json":
    case "jsonl":
      return out.write(`${json}\n`);
    case "yaml":
      return out.write((await import("../render/yaml.ts")).yamlOf(json));
    case "csv":
      return out.write((await import("../render/csv.ts")).csvOfObject(object as Record<string, unknown>));
    default:
      return out.write(await text());
  }
}

/** Lines for people that come while a command works: on stdout, with a format for programs on stderr. */
export function lineOutput(context: Context) {
  const { out, err } = context.terminal;
  const isText = context.flags.output === "table" || context.flags.output === "wide";
  let lines: string[] = [];
  return {
    add: (line: string) => {
      lines.push(`${line}\n`);
    },
    /** Waits until they are written. */
    drain: () => {
      const written = lines;
      lines = [];
      return (isText ? out : err).writeAll(written);
    },
  };
}

/** The exit codes of SPEC section 5 that a result, rather than an error, can have. */
export const DONE = 0;
export const FAILED = 1;
export const PARTLY = 3;
export const INTERRUPTED = 130;
