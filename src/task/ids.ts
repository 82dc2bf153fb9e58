/** Python's `str.isspace()`, as the inside of a character class. `\s` lacks U+001C to U+001F and U+0085 and adds U+FEFF. */
const PYTHON_SPACE = "\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
const SPACE = new RegExp(`^[${PYTHON_SPACE}]$`);

/** How many leading characters of the text Python's `str.isspace()` accepts. */
export function indentation(text: string): number {
  let start = 0;
  while (start < text.length && SPACE.test(text[start]!)) start++;
  return start;
}

/** Python's `str.rstrip()`. Not one pattern: `[...]+$` takes quadratic time over a long run of spaces inside. */
export function rstrip(text: string): string {
  let end = text.length;
  while (end > 0 && SPACE.test(text[end - 1]!)) end--;
  return text.slice(0, end);
}

export function strip(text: string): string {
  return rstrip(text.slice(indentation(text)));
}

const SEPARATORS = new RegExp(`[,${PYTHON_SPACE}]+`);

/** An identifier without surrounding spaces, by which it is compared. */
export function trimId(id: string): string {
  return strip(id);
}

/** Splits `--ids` at commas and white space, without repeats. */
export function splitIds(text: string): string[] {
  return uniqueIds(idsIn(text));
}

export function idsIn(text: string): string[] {
  return text.split(SEPARATORS).filter((id) => id !== "");
}

/** Trimmed ids without the empty ones and without repeats, in the order given. */
export function uniqueIds(ids: readonly string[]): string[] {
  return [...new Set(ids.map(trimId))].filter((id) => id !== "");
}

/** Why a trimmed id cannot name a task, or undefined (docs/contract.md, Invalid records). */
export function idProblem(field: "user_id" | "task_id", id: string, { isPublished }: { isPublished: boolean }) {
  if (id === "") return `${field} is empty`;
  if (!id.isWellFormed()) return `${field} holds a lone surrogate`;
  if (field === "task_id" || isPublished || !id.includes(":")) return undefined;
  return "user_id holds ':', which makes the index member ambiguous";
}

export interface TaskId {
  readonly userId: string;
  readonly taskId: string;
}

/** The task that `user:task` names in the plain layout, whose user ids have no colon; null for any other text. */
export function splitName(name: string): TaskId | null {
  const colon = name.indexOf(":");
  const [userId, taskId] = [trimId(name.slice(0, Math.max(0, colon))), trimId(name.slice(colon + 1))];
  return userId === "" || taskId === "" ? null : { userId, taskId };
}

/** A task as a key of a map: no two tasks have the same. */
export function keyOf({ userId, taskId }: TaskId): string {
  return `${userId.length}:${userId}${taskId}`;
}

/** Tasks without repeats, in the order given. */
export function uniqueTasks<T extends TaskId>(ids: readonly T[]): T[] {
  return [...new Map(ids.map((id) => [keyOf(id), id])).values()];
}

/** A task as people see it, and its name in the plain layout. */
export function memberOf({ userId, taskId }: { readonly userId: string; readonly taskId: string }): string {
  return userId === "" ? taskId : `${userId}:${taskId}`;
}
