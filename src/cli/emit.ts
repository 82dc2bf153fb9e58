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

/** The exit codes of SPEC section 5 that a result, rather than an error, can have. */
export const DONE = 0;
export const PARTLY = 3;
export const INTERRUPTED = 130;
