import { PYTHON_SPACE, strip } from "./python-space.ts";

const SEPARATORS = new RegExp(`[,${PYTHON_SPACE}]+`);

/** An identifier as it counts: trimmed as Python's `str.strip()` does. */
export function trimId(id: string): string {
  return strip(id);
}

/** Splits `--ids` at commas and white space; repeats go, the order stays. */
export function splitIds(text: string): string[] {
  return uniqueIds(text.split(SEPARATORS));
}

/** Trimmed ids without the empty ones and without repeats, in the order given. */
export function uniqueIds(ids: readonly string[]): string[] {
  return [...new Set(ids.map(trimId))].filter((id) => id !== "");
}

/** Why a trimmed id cannot name a task, or undefined (SPEC section 1, invalid records). */
export function idProblem(field: "user_id" | "task_id", id: string): string | undefined {
  if (id === "") return `${field} is empty`;
  if (!id.isWellFormed()) return `${field} holds a lone surrogate`;
  if (field === "user_id" && id.includes(":")) return "user_id holds ':', which makes the index member ambiguous";
  return undefined;
}

/** The member of the global index. It also breaks ties in the order of tasks. Without a user it is what stands there. */
export function memberOf(userId: string, taskId: string): string {
  return userId === "" ? taskId : `${userId}:${taskId}`;
}
