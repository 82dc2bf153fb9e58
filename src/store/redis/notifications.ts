import { TASK_PREFIX } from "../layout/keys.ts";
import type { Layout } from "../layout/layout.ts";
import type { TaskId } from "../task-source.ts";
import type { RedisCommands } from "./commands.ts";
import { ServerError } from "./errors.ts";

interface Hearing {
  readonly commands: RedisCommands;
  readonly layout: Layout;
  readonly db: number;
  /** Called for each change of a task's hash; the task may be gone by then. */
  readonly heard: (id: TaskId) => void;
}

/**
 * Subscribes to the keyspace notifications of the tasks' hashes. The connection is for nothing else afterwards.
 * @returns null, or why this Redis doesn't send them
 * @throws TtsctlError REDIS_* if the connection is lost
 */
export async function hearTasks({ commands, layout, db, heard }: Hearing): Promise<string | null> {
  if (commands.subscribe === undefined) return "each node of a cluster has its own notifications";
  try {
    const reply = await commands.command("CONFIG", "GET", "notify-keyspace-events");
    const flags = Array.isArray(reply) ? String(reply[1] ?? "") : "";
    if (!sendsHashes(flags)) return `its notify-keyspace-events is ${JSON.stringify(flags)}`;
    const { prefix = "" } = commands;
    const byKey = flags.includes("K");
    const space = `__keyspace@${db}__:`;
    const pattern = byKey ? `${space}${prefix}${TASK_PREFIX}*` : `__keyevent@${db}__:*`;
    await commands.subscribe(pattern, (channel, message) => {
      const key = byKey ? channel.slice(space.length) : message;
      if (!key.startsWith(prefix + TASK_PREFIX)) return;
      const name = layout.readKey(key.slice(prefix.length));
      if (name !== null && "member" in name) heard(layout.splitMember(name.member));
    });
    return null;
  } catch (error) {
    if (error instanceof ServerError) return error.message;
    throw error;
  }
}

/** Whether changes of hashes are sent (`h`), and deletions of keys (`g`), in either form. */
function sendsHashes(flags: string): boolean {
  return /[KE]/.test(flags) && (flags.includes("A") || (flags.includes("h") && flags.includes("g")));
}
