import { stat } from "node:fs/promises";
import type { Context } from "../context.ts";

/** A person waits for these: a Redis that is slower, and a file that is larger, are done without. */
const PATIENCE_S = 0.3;
const LARGEST_FILE = 8_000_000;
const NEWEST = 1000;

/** Ids of the newest tasks: users, or the tasks of one. Redis is asked, else a small file. */
export async function knownIds(context: Context, user: string | null): Promise<string[]> {
  const ids = (await fromMirror(context, user)) ?? (await fromFile(context, user));
  return [...new Set(ids.map(({ userId, taskId }) => (user === null ? userId : taskId)))];
}

async function fromMirror(context: Context, user: string | null) {
  const state = await context.mirrorState();
  if (state.kind !== "on") return null;
  const members = await state.mirror.newest(user ?? undefined, 0, NEWEST).catch(() => []);
  return members.length > 0 ? members : null;
}

async function fromFile(context: Context, user: string | null) {
  const { ofUser } = await import("../../task/filter.ts");
  const { FileTasks } = await import("../../store/file/file-tasks.ts");
  const file = await context.fileStore();
  if ((await stat(file.path)).size > LARGEST_FILE) return [];
  const snapshot = await file.read();
  try {
    return (await new FileTasks(snapshot).page(ofUser(user ?? undefined), 0, NEWEST)).tasks;
  } finally {
    await snapshot.close();
  }
}

/** The context with a Redis that is given up soon. */
export async function impatient(context: Context): Promise<Context> {
  const settings = await context.settings();
  const timeout = { ...settings.redis.timeout, value: Math.min(PATIENCE_S, settings.redis.timeout.value) };
  return context.fork({ ...settings, redis: { ...settings.redis, timeout } }, { flags: { quiet: true, verbose: 0 } });
}
