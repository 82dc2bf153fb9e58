import { writeSync } from "node:fs";

/**
 * Keeps tasks with the library: `count` changes of `tasks` tasks, `width` waiting at a time. Says before each change that it
 * asks for it, and after it what came of it.
 */
export async function write(
  openTaskStore,
  { store, redis = "off", timezone = "UTC", prefix = "p", count, tasks, width },
  say,
) {
  const opened = await openTaskStore({ store, redis, timezone });
  let next = 0;

  /** Each seventh change takes its task out. */
  async function change(n) {
    const task_id = `${prefix}${n % tasks}`;
    if (n % 7 === 6) return opened.delete("alice", task_id);
    const status = n % 2 === 0 ? "running" : "succeeded";
    const task = { user_id: "alice", task_id, status, updated_at: 2_000_000_000 + n, n, text: "合成".repeat(20) };
    return opened.upsert(task);
  }

  async function work() {
    for (let n = next++; n < count; n = next++) {
      say({ asked: n });
      try {
        const { state, redis } = await change(n);
        say({ done: n, file: state, redis: redis.error?.code ?? redis.state });
      } catch (error) {
        say({ failed: n, code: error.code });
      }
    }
  }

  await Promise.all(Array.from({ length: width }, work));
  await opened.close();
}

/** As a program, it does so as PROGRAM says; a line is out when the call returns. */
if (process.env.PROGRAM !== undefined) {
  const { library, ...program } = JSON.parse(process.env.PROGRAM);
  const { openTaskStore } = await import(library);
  await write(openTaskStore, program, (word) => writeSync(1, `${JSON.stringify(word)}\n`));
}
