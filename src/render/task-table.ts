import type { JsonValue } from "../json/value.ts";
import { printable } from "../printable.ts";
import { shownStatus } from "../task/status.ts";
import type { Task } from "../task/task.ts";
import { fieldOf, fieldText, isKnown, isTimeField, itemFields, knownText, type TimeTelling, timeText } from "./item.ts";
import { type Column, STATUS_COLORS, type TableLayout, type TableStyle, tableLayout } from "./table.ts";

interface TaskTableOptions {
  readonly columns: readonly string[];
  readonly headers: boolean;
  readonly style: TableStyle;
  readonly telling: TimeTelling;
}

/** Tasks in blocks; the first one decides the widths. */
export class TaskTable {
  readonly #options: TaskTableOptions;
  readonly #fields: readonly string[];
  #layout: TableLayout | undefined;

  constructor(options: TaskTableOptions) {
    this.#options = options;
    this.#fields = options.columns.map(fieldOf);
  }

  get left(): string[] {
    return this.#layout?.left ?? [];
  }

  *block(tasks: readonly Task[]): Generator<string> {
    const { columns, headers, style, telling } = this.#options;
    const rows = tasks.map((task) => cells(task, this.#fields, telling));
    const isFirst = this.#layout === undefined;
    this.#layout ??= tableLayout(columns.map(columnOf), rows, style, headers);
    yield* this.#layout.lines(rows, headers && isFirst);
  }
}

function cells(task: Task, fields: readonly string[], telling: TimeTelling): string[] {
  const needsRecord = fields.some((field) => !isKnown(field));
  const values = needsRecord ? itemFields(task) : new Map<string, JsonValue>();
  return fields.map((field) => {
    const text = knownText(task, field) ?? fieldText(values.get(field));
    return printable(isTimeField(field) ? timeText(text, telling) : text);
  });
}

/** A status in its colour; also a word of the service's. */
export function paintStatus(text: string, { colors }: TableStyle): string {
  const shown = shownStatus(text);
  return shown === undefined ? text : colors[STATUS_COLORS[shown]](text);
}

/** Only texts are narrowed: half an id or half a time would be another one. */
function columnOf(name: string): Column {
  const field = fieldOf(name);
  const head = printable(name.toUpperCase());
  if (field === "status") return { head, least: 6, mayGo: true, paint: paintStatus };
  const isId = field === "user_id" || field === "task_id";
  return { head, least: isId || isTimeField(field) ? Number.POSITIVE_INFINITY : 10, mayGo: !isId };
}
