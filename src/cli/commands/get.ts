import { DONE } from "../../app/ended.ts";
import type { GetResult } from "../../operations/get.ts";
import { printable } from "../../printable.ts";
import { itemFields, itemJson, statusText, valueText } from "../../render/item.ts";
import { paintStatus, type TableStyle, table } from "../../render/table.ts";
import { fits, truncateText, widthOf } from "../../render/width.ts";
import { firstOf, formatBytes, formatLength } from "../../task/amounts.ts";
import { memberOf } from "../../task/ids.ts";
import type { Task } from "../../task/task.ts";
import type { CommandSpec } from "../context.ts";
import { addSource, findTask, tellAbsent } from "../selection.ts";

export const spec: CommandSpec = {
  about: "one task from both stores, with its files",
  declare: (command) => addSource(command.argument("[user]").argument("[task]").usage("[options] [user] <task>")),
  async run(context, flags, args) {
    const parts = { ...(await context.stores()), artifacts: await context.artifacts("show") };
    const { id, result, isFound } = await findTask(context, parts, "get", args, flags);
    const style = await context.tableStyle();
    await context.emit({ json: () => [`${getJson(result)}\n`], text: () => getLines(result, style).join("") });
    return isFound ? DONE : tellAbsent(context, parts, id, flags.source);
  },
  examples: `
Examples:
  ttsctl get alice t01
  ttsctl get alice:t01          as tables and messages name it
  ttsctl get t01                the task with that id, of any user
  ttsctl get alice t01 -o json`,
};

/** `get -o json` (docs/contract.md, Commands). */
function getJson({ source, task, file, redis, invalid, artifacts, unread }: GetResult): string {
  const item = task === null ? "null" : itemJson(task);
  const copies = `"file":${(file ?? invalid)?.json ?? "null"},"redis":${redis?.json ?? "null"}`;
  const files = `"artifacts":${JSON.stringify(artifacts)}${unread.length > 0 ? `,"unread":${JSON.stringify(unread)}` : ""}`;
  return `{"source":${JSON.stringify(source)},"item":${item},${copies},${files}}`;
}

/** A row for each field, with two values if the copies differ. */
function fieldTable(task: Task, { file, redis }: GetResult, style: TableStyle): string {
  const shown = (name: string, text: string) => {
    return name === "status" ? paintStatus(printable(text), style) : printable(text);
  };
  if (file === null || redis === null || file.json === redis.json) {
    const rows = [...itemFields(task)].map(([name, value]) => [printable(name), shown(name, valueText(value))]);
    return table(["", ""], rows, style);
  }
  const [fields, others] = [itemFields(file), itemFields(redis)];
  const names = [...new Set([...fields.keys(), ...others.keys()])];
  const taken = 1 + Math.max(...names.map((name) => widthOf(name))) + 3 * 2; // the mark, the name and gaps
  const column = style.width === null ? Number.POSITIVE_INFINITY : Math.floor((style.width - taken) / 2);
  const rows = names.map((name) => {
    const values = [fields, others].map((copy) => (copy.has(name) ? valueText(copy.get(name)!) : "-"));
    if (values[0] === values[1]) return ["", printable(name), ...values.map((text) => shown(name, text))];
    return ["*", name, ...fromDifference(values, column)].map((text) => style.colors.yellow(printable(text)));
  });
  return table(["", "", "FILE", "REDIS"], rows, style);
}

/** Columns of text around a difference. */
const BEFORE = 6;
const AFTER = 12;

/** Long values begin shortly before their difference, if it would be cut off. */
function fromDifference(values: string[], column: number): string[] {
  if (values.every((value) => fits(value, column))) return values;
  const [a = [], b = []] = values.map((value) => [...value]);
  let same = 0;
  while (same < a.length && a[same] === b[same]) same++;
  if (same <= BEFORE || fits(a.slice(0, same).join(""), column - AFTER)) return values;
  return [a, b].map((characters) => `…${characters.slice(same - BEFORE).join("")}`);
}

export function getLines(result: GetResult, style: TableStyle): string[] {
  const { task, invalid, file, redis } = result;
  if (task === null) return invalid === null ? [] : [`${printable(invalid.json)}\n`];
  const where = file === null ? "in Redis" : redis === null ? "in the file" : "in both stores";
  const title = `${printable(memberOf(task))} is ${paintStatus(printable(statusText(task)), style)}, ${where}\n`;
  return [title, ...fieldTable(task, result, style).split(/(?<=\n)/), ...fileLines(result, style.width)];
}

function* fileLines({ artifacts, unread }: GetResult, width: number | null): Generator<string> {
  if (artifacts.length === 0 && unread.length === 0) yield "no audio, no logs\n";
  if (unread.length > 0) yield `${printable(`not listed: ${firstOf(unread.slice(0, 3), unread.length, "; ")}`)}\n`;
  for (const { path, bytes, seconds, damaged } of artifacts) {
    const length = seconds === undefined ? "" : `  ${formatLength(seconds)}`;
    const rest = `  ${formatBytes(bytes)}${length}${damaged ? "  damaged" : ""}`;
    const room = width === null ? Number.POSITIVE_INFINITY : Math.max(10, width - rest.length);
    const shown = printable(path);
    yield `${widthOf(shown) <= room ? shown : truncateText(shown, room - 1, { position: "middle" })}${rest}\n`;
  }
}
