import { counted } from "../task/counted.ts";
import { cut, wrap } from "./cut.ts";

/** What one refresh has to show: the head and the notes stay in sight, the body gives way. */
export interface Picture {
  readonly head: string;
  readonly body: readonly string[];
  readonly notes: readonly string[];
}

export interface Size {
  readonly columns: number;
  readonly rows: number;
}

/** The lines of a picture on a screen: never more than it has rows, none wider than it has columns. Notes are plain. */
export function frame({ head, body, notes: long }: Picture, { columns, rows }: Size): string[] {
  const notes = long.flatMap((note) => wrap(note, columns));
  const room = Math.max(0, rows - 1 - notes.length);
  const shown = body.length <= room ? body : [...body.slice(0, Math.max(0, room - 1)), more(body.length, room)];
  return [head, ...shown, ...notes].slice(0, rows).map((line) => cut(line, columns));
}

function more(lines: number, room: number): string {
  const hidden = lines - Math.max(0, room - 1);
  return room > 0 ? `… ${counted(hidden, "more line")}` : "";
}
