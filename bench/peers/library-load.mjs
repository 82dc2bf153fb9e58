// Upserts through the library, so many waiting at a time, and says how it went: library-load.mjs LIBRARY CONFIG STORE SECONDS
// The tasks are those of the store, in turn, each a microsecond newer than any before.
const [library, config, store, seconds] = process.argv.slice(2);
const { openTaskStore } = await import(library);

const WAITING = 64;
const tasks = await openTaskStore({ config, store });
const ids = [];
for await (const { userId, taskId } of tasks.all({ source: "file" })) {
  ids.push([userId, taskId]);
  if (ids.length === 100_000) break;
}

let begun = 0;
const start = performance.now();
const end = start + Number(seconds) * 1000;
const memory = [];
const watch = setInterval(() => memory.push(process.memoryUsage.rss()), 1000);
async function keepWriting() {
  while (performance.now() < end) {
    const number = begun++;
    const [user_id, task_id] = ids[number % ids.length];
    const updated_at = Date.now() / 1000 + 3600 + number / 1e6;
    const { state } = await tasks.upsert({
      user_id,
      task_id,
      status: "running",
      error: null,
      updated_at,
      text: "x".repeat(200),
    });
    if (state !== "written") throw new Error(`${user_id}:${task_id} is ${state}`);
  }
}
await Promise.all(Array.from({ length: WAITING }, keepWriting));
const took = (performance.now() - start) / 1000;
clearInterval(watch);
await tasks.close();
console.log(JSON.stringify({ upserts: begun, seconds: took, memory }));
