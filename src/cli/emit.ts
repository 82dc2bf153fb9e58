import type { LogEvent } from "../render/item-lines.ts";
import type { Context } from "./context.ts";
import { isText } from "./globals.ts";

/** A result in each format, of which one is made. */
interface Forms {
  json(): Iterable<string>;
  /** The items alone; without it as JSON. */
  jsonLines?(): Iterable<string>;
  csv(): Promise<Iterable<string>>;
  /** Prints it for people. */
  show(): Promise<void>;
}

/** Prints a result in the format asked for. */
export async function emit(context: Context, { json, jsonLines = json, csv, show }: Forms): Promise<void> {
  const { data } = context.terminal;
  switch (context.flags.output) {
    case "json":
      return data.writeAll(json());
    case "jsonl":
      return data.writeAll(jsonLines());
    case "yaml":
      return data.write((await import("../render/yaml.ts")).yamlOf([...json()].join("")));
    case "csv":
      return data.writeAll(await csv());
    default:
      return show();
  }
}

/**
 * The same for a result that is one object.
 * @param text what people read
 */
export function emitObject(context: Context, object: object, text: () => Promise<string> | string): Promise<void> {
  return emit(context, {
    json: () => [`${JSON.stringify(object)}\n`],
    csv: async () => [(await import("../render/csv.ts")).csvOfObject(object as Record<string, unknown>)],
    show: async () => context.terminal.out.write(await text()),
  });
}

/** How an item is told: as a line for people, and as an event of a JSON log. */
export interface Telling<T> {
  line(item: T): string;
  event(item: T): LogEvent;
}

/**
 * Tells of items while a command works: on stdout, with a format for programs on stderr, there as events in a JSON log.
 * `drain` waits until all that was added is written.
 */
export function itemOutput<T>(context: Context, { line, event }: Telling<T>) {
  const { out, err } = context.terminal;
  const forPeople = isText(context.flags.output);
  let held: T[] = [];
  return {
    add: (item: T) => {
      held.push(item);
    },
    drain: () => {
      const items = held;
      held = [];
      if (!forPeople && err.isJson) return err.sayAll(items.map(event));
      return (forPeople ? out : err).writeAll(items.map((item) => `${line(item)}\n`));
    },
  };
}

/** The exit codes of SPEC section 5 that a result, rather than an error, can have. */
export const DONE = 0;
export const FAILED = 1;
export const PARTLY = 3;
export const INTERRUPTED = 130;
