/** Claims and finishes tasks until none are left, and prints their ids. */
import { writeSync } from "node:fs";

const { library, store } = JSON.parse(process.env.PROGRAM);
const { openTaskStore } = await import(library);
const opened = await openTaskStore({ store, redis: "off", timezone: "UTC" });
const had = [];

async function work() {
  for (;;) {
    const task = await opened.claim(["queued"], { status: "running" }, { leaseMs: 60_000 });
    if (task === null) return;
    had.push(task.taskId);
    const finish = (record) => ({ ...record, status: "succeeded" });
    const { state } = await opened.update(task.userId, task.taskId, finish, { claimId: task.claimId });
    if (state !== "written") had.push(`${task.taskId}: ${state}`);
  }
}

await Promise.all([work(), work(), work()]);
await opened.close();
writeSync(1, JSON.stringify(had));
