/**
 * What another ttsctl does beside a test, as the environment variable TASK says; its arguments are only what a lock
 * file shows of it. It prints one line when its work is done, and an error as JSON.
 */
import { systemClock } from "../../../src/clock.ts";
import { TtsctlError } from "../../../src/errors.ts";
import { NO_PUTS } from "../../../src/store/file/changes.ts";
import { FileStore } from "../../../src/store/file/file-store.ts";
import { type LockPurpose, takeLock } from "../../../src/store/file/lock.ts";
import { writable } from "../../../src/store/writable.ts";
import { RecordRules } from "../../../src/task/rules.ts";
import { Zone } from "../../../src/task/time.ts";

export type ChildTask =
  /** Holds a lock until it is killed. */
  | { do: "hold"; path: string; purpose: LockPurpose }
  /** Removes tasks, one rewrite each. */
  | { do: "remove"; path: string; ids: [userId: string, taskId: string][] };

async function run(task: ChildTask): Promise<void> {
  if (task.do === "hold") {
    const lock = await takeLock(task.path, task.purpose, null, process.argv.slice(2));
    setInterval(() => void lock, 1 << 30); // a lock that nothing refers to is released with its file handle
  } else {
    const store = writable(new FileStore(task.path, new RecordRules(new Zone("UTC")), systemClock));
    for (const [userId, taskId] of task.ids) {
      await store.apply((current) => ({
        removed: new Set([current.rows.keys.find(userId, taskId)]),
        puts: NO_PUTS,
      }));
    }
  }
  process.stdout.write("done\n");
}

run(JSON.parse(process.env.TASK!) as ChildTask).catch((error: unknown) => {
  const { code, message } = error as TtsctlError;
  const known = error instanceof TtsctlError;
  process.stdout.write(
    `${JSON.stringify(known ? { code, message } : { code: "UNEXPECTED", message: String(error) })}\n`,
  );
});
