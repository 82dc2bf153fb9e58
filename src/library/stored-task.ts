import { lstat, realpath } from "node:fs/promises";
import { dirname, join, sep } from "node:path";
import { isPlainName, isPurgeFolder } from "../artifacts/plain-name.ts";
import { systemErrorCode, TtsctlError } from "../errors.ts";
import { JsonSyntaxError } from "../json/scan.ts";
import { idProblem, type TaskId, trimId } from "../task/ids.ts";
import type { RecordRules } from "../task/rules.ts";
import { shownStatus } from "../task/status.ts";
import { isInvalid, type RecordParser, saysDeleted, type Task } from "../task/task.ts";
import { checkType } from "./arguments.ts";
import type { BaseTask, StoredTask } from "./types.ts";

export function storedTask<T extends BaseTask>({ userId, taskId, status, score, json }: Task): StoredTask<T> {
  const record = JSON.parse(json) as T;
  return { userId, taskId, status: shownStatus(status) ?? status, updatedAt: score, record, json };
}

/** The task of a program's record. @throws TtsctlError TASK_INVALID, also for a deletion of JSON Lines */
export function taskOf(record: BaseTask | string, parser: RecordParser): Task {
  try {
    const task = parser.parse(typeof record === "string" ? record : jsonOf(record));
    if (isInvalid(task)) throw invalid(task.reason);
    if (saysDeleted(task.json)) throw invalid('"deleted": true would delete the task: call delete()');
    return task;
  } catch (error) {
    throw error instanceof JsonSyntaxError ? invalid(error.message) : error;
  }
}

/** @throws TtsctlError TASK_INVALID */
export function jsonOf(record: unknown): string {
  try {
    return JSON.stringify(record) ?? "null"; // an undefined, or a function
  } catch (cause) {
    const [reason] = (cause instanceof Error ? cause.message : String(cause)).split("\n");
    throw invalid(`it can't be written as JSON: ${reason}`);
  }
}

/** The trimmed ids of a task. @throws TtsctlError USAGE if one isn't text, TASK_INVALID if it can't name a task */
export function idOf(userId: string, taskId: string, rules: RecordRules): TaskId {
  checkType(userId, "string", "userId");
  checkType(taskId, "string", "taskId");
  const id = { userId: trimId(userId), taskId: trimId(taskId) };
  const problem = idProblem("user_id", id.userId, rules) ?? idProblem("task_id", id.taskId, rules);
  if (problem !== undefined) throw new TtsctlError("TASK_INVALID", `invalid task id: ${problem}`);
  return id;
}

function invalid(reason: string): TtsctlError {
  return new TtsctlError("TASK_INVALID", `invalid task record: ${reason}`);
}

/** The path of a file of a task below `output`, which need not exist. @throws ARTIFACTS_UNSAFE if it would be elsewhere */
export async function artifactPath(output: string, id: TaskId, name: string, rules: RecordRules): Promise<string> {
  const folders = rules.foldersOf(id).filter(({ userId, taskId }) => {
    return isPlainName(userId) && isPlainName(taskId) && !isPurgeFolder(userId);
  });
  if (folders.length === 0 || !isPlainName(name)) {
    throw unsafe(join(output, id.userId, id.taskId, name), "each id and the name must be one plain file name");
  }
  const paths = folders.map(({ userId, taskId }) => join(output, userId, taskId));
  const found = await Promise.all(paths.map(entryAt));
  const path = join(paths.find((_, i) => found[i] !== null) ?? paths[0]!, name);
  const [root, inside] = [await realBeginning(output), await realBeginning(path)];
  if (inside === root || inside.startsWith(root + sep)) return path;
  throw unsafe(path, `it leads to ${inside}, through a symbolic link`);
}

/** The real path of the part of a path that exists. */
async function realBeginning(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    if (systemErrorCode(error) !== "ENOENT") throw unsafe(path, String(error));
    const there = await entryAt(path);
    if (there?.isSymbolicLink()) throw unsafe(path, "it is a broken symbolic link");
    return realBeginning(there === null ? dirname(path) : path); // the service may just have created it
  }
}

function entryAt(path: string) {
  return lstat(path).catch(() => null);
}

function unsafe(path: string, why: string): TtsctlError {
  return new TtsctlError("ARTIFACTS_UNSAFE", `${path} isn't safe: ${why}`);
}
