// Cleans completed jobs of a BullMQ queue and says how many: bullmq-clean.mjs PORT COUNT
import { Queue } from "bullmq";

const [port, count] = process.argv.slice(2).map(Number);
const queue = new Queue("tasks", { connection: { host: "127.0.0.1", port } });
console.log((await queue.clean(0, count, "completed")).length);
await queue.close();
