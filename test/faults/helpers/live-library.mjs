/**
 * Writes its own tasks with the library until the file `stop` exists; options are in PROGRAM. Each task is taken to its end,
 * and a third is deleted. Prints the state that both stores must hold of each task. Every fifth task is followed by a sync.
 */
import { existsSync } from "node:fs";

const { library, stop, times, layout, options } = JSON.parse(process.env.PROGRAM);
const { openTaskStore } = await import(library);
const store = await openTaskStore(options);

function now() {
  if (layout !== "plain") return Math.floor(Date.now() / 1000);
  const text = new Date().toISOString();
  return times === "whole" ? `${text.slice(0, 19)}Z` : text;
}

async function keep(n) {
  const ids = { user_id: "library", task_id: `own${n}` };
  const created_at = now();
  let word;
  for (const status of ["queued", "running", "succeeded"]) {
    word = { ...ids, status, error: null, created_at, updated_at: now() };
    await store.upsert(word);
  }
  if (n % 3 === 0) {
    await store.delete(ids.user_id, ids.task_id);
    word = { ...word, status: "deleted" };
  }
  process.stdout.write(`${JSON.stringify(word)}\n`);
}

for (let n = 0; !existsSync(stop); n++) {
  await keep(n);
  if (n % 5 === 0) await store.syncToRedis();
}
await store.close();
