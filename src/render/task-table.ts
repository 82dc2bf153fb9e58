import { printable } from "../printable.ts";
import type { Task } from "../task/task.ts";
import {
  fieldOf,
  fieldText,
  isTimeField,
  itemFields,
  KNOWN_FIELDS,
  rawText,
  statusText,
  type TimeTelling,
  timeText,
} from "./item.ts";
import { type Column, paintStatus, type TableLayout, type TableStyle, tableLayout } from "./table.ts";

/** Tasks in blocks; the first one decides the widths. */
export function taskTable(columns: readonly string[], withHead: boolean, style: TableStyle, telling: TimeTelling) {
  const fields = columns.map(fieldOf);
  const needsRecord = fields.some((field) => !KNOWN_FIELDS.includes(field));
  let layout: TableLayout | undefined;

  function cells(task: Task): string[] {
    const record = needsRecord ? itemFields(task) : null;
    return fields.map((field) => {
      const known = field === "status" ? statusText(task) : rawText(task, field);
      const text = known ?? fieldText(record?.get(field));
      return printable(isTimeField(field) ? timeText(text, telling) : text);
    });
  }

  return {
    /** The heads of columns that don't fit. */
    left: () => layout?.left ?? [],

    *block(tasks: readonly Task[]): Generator<string> {
      const rows = tasks.map(cells);
      const isFirst = layout === undefined;
      layout ??= tableLayout(columns.map(columnOf), rows, style, withHead);
      yield* layout.lines(rows, withHead && isFirst);
    },
  };
}

/** Only texts are narrowed: half an id or half a time would be another one. */
function columnOf(name: string): Column {
  const field = fieldOf(name);
  const head = printable(name.toUpperCase());
  if (field === "status") return { head, least: 6, mayGo: true, paint: paintStatus };
  const isId = field === "user_id" || field === "task_id";
  return { head, least: isId || isTimeField(field) ? Number.POSITIVE_INFINITY : 10, mayGo: !isId };
}
