/**
 * A program that keeps tasks with the library, as PROGRAM says: `count` changes of `tasks` tasks, `width` waiting at a time. It
 * says before each change that it asks for it, and after it what came of it; a line is out when the call returns.
 */
import { writeSync } from "node:fs";

const { library, store, redis = "off", prefix = "p", count, tasks, width } = JSON.parse(process.env.PROGRAM);
const { openTaskStore } = await import(library);
const opened = await openTaskStore({ store, redis, timezone: "UTC" });
const say = (word) => writeSync(1, `${JSON.stringify(word)}\n`);
let next = 0;

/** Each seventh change takes its task out. */
async function change(n) {
  const task_id = `${prefix}${n % tasks}`;
  if (n % 7 === 6) return opened.delete("alice", task_id);
  const status = n % 2 === 0 ? "running" : "succeeded";
  return opened.upsert({
    user_id: "alice",
    task_id,
    status,
    updated_at: 2_000_000_000 + n,
    n,
    text: "合成".repeat(20),
  });
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
