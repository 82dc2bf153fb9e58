// Puts completed jobs into a BullMQ queue: bullmq-fill.mjs PORT COUNT. One is completed by BullMQ; the server copies it
// under other ids, each a millisecond older.
import { Queue, QueueEvents, Worker } from "bullmq";
import { Redis } from "ioredis";

const COPY = `
for i = ARGV[1], ARGV[2] do
  redis.call('COPY', KEYS[1], ARGV[3] .. 'copy' .. i)
  redis.call('ZADD', KEYS[2], ARGV[4] - i, 'copy' .. i)
end`;

const [port, count] = process.argv.slice(2).map(Number);
const options = { connection: { host: "127.0.0.1", port, maxRetriesPerRequest: null } };
const queue = new Queue("tasks", options);
const events = new QueueEvents("tasks", options);
const worker = new Worker("tasks", async () => "output/user0000/t00000000.wav", options);
await events.waitUntilReady(); // or the job may be completed before anybody listens
const job = await queue.add("task", { user_id: "user0000", text: "x".repeat(300) });
await job.waitUntilFinished(events);
const prefix = "bull:tasks:";
const redis = new Redis(options.connection);
for (let i = 1; i < count; i += 10_000) {
  await redis.eval(
    COPY,
    2,
    prefix + job.id,
    `${prefix}completed`,
    i,
    Math.min(i + 9_999, count - 1),
    prefix,
    Date.now(),
  );
}
await Promise.all([worker.close(), events.close(), queue.close(), redis.quit()]);
