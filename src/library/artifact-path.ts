import type { Stats } from "node:fs";
import { lstat, realpath } from "node:fs/promises";
import { dirname, join, sep } from "node:path";
import { isPlainName, isPurgeFolder } from "../artifacts/plain-name.ts";
import { systemErrorCode, TtsctlError } from "../errors.ts";
import type { TaskId } from "../store/task-source.ts";
import type { RecordRules } from "../task/rules.ts";

/**
 * The path of a file of a task below `output`, where the cleanup looks for it. The file and its directories need not exist.
 * @throws TtsctlError ARTIFACTS_UNSAFE if it would be elsewhere
 */
export async function artifactPath(output: string, id: TaskId, name: string, rules: RecordRules): Promise<string> {
  const folders = rules.foldersOf(id).filter(({ userId, taskId }) => {
    return isPlainName(userId) && isPlainName(taskId) && !isPurgeFolder(userId);
  });
  if (folders.length === 0 || !isPlainName(name)) {
    throw unsafe(join(output, id.userId, id.taskId, name), "each id and the name must be one plain file name");
  }
  const paths = folders.map(({ userId, taskId }) => join(output, userId, taskId));
  const found = await Promise.all(paths.map(entryAt));
  const first = found.findIndex((entry) => entry !== null);
  const path = join(paths[Math.max(0, first)]!, name);
  const [root, inside] = [await realBeginning(output), await realBeginning(path)];
  if (inside === root || inside.startsWith(root + sep)) return path;
  throw unsafe(path, `it leads to ${inside}, through a symbolic link`);
}

/** What a path leads to, as far as it exists. */
async function realBeginning(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    if (systemErrorCode(error) !== "ENOENT") throw unsafe(path, String(error));
    const there = await entryAt(path);
    if (there?.isSymbolicLink()) throw unsafe(path, "it is a symbolic link to nothing");
    return realBeginning(there === null ? dirname(path) : path); // the service may just have created it
  }
}

async function entryAt(path: string): Promise<Stats | null> {
  return lstat(path).catch(() => null);
}

function unsafe(path: string, why: string): TtsctlError {
  return new TtsctlError("ARTIFACTS_UNSAFE", `${path} isn't safe: ${why}`);
}
