import { PYTHON_SPACE, strip } from "./python-space.ts";

const SEPARATORS = new RegExp(`[,${PYTHON_SPACE}]+`);

/** An identifier as it counts: trimmed as Python's `str.strip()` does. */
export function trimId(id: string): string {
  return strip(id);
}

/** Splits `--ids` at commas and white space; repeats go, the order stays. */
export function splitIds(text: string): string[] {
  return uniqueIds(idsIn(text));
}

/** The same with repeats. */
export function idsIn(text: string): string[] {
  return text.split(SEPARATORS).filter((id) => id !== "");
}

/** Trimmed ids without the empty ones and without repeats, in the order given. */
export function uniqueIds(ids: readonly string[]): string[] {
  return [...new Set(ids.map(trimId))].filter((id) => id !== "");
}

/** Why a trimmed id cannot name a task, or undefined (SPEC section 1, invalid records). */
export function idProblem(
  field: "user_id" | "task_id",
  id: string,
  { allowsColons }: { readonly allowsColons: boolean },
): string | undefined {
  if (id === "") return `${field} is empty`;
  if (!id.isWellFormed()) return `${field} holds a lone surrogate`;
  if (field === "task_id" || allowsColons || !id.includes(":")) return undefined;
  return "user_id holds ':', which makes the index member ambiguous";
}

/** A task as a key of a map: no two tasks have the same. */
export function keyOf({ userId, taskId }: { readonly userId: string; readonly taskId: string }): string {
  return `${userId.length}:${userId}${taskId}`;
}

/** A task as people see it, and its name in the plain layout. Without a user it is what stands there. */
export function memberOf(userId: string, taskId: string): string {
  return userId === "" ? taskId : `${userId}:${taskId}`;
}
