/**
 * A small text-to-speech service that keeps its tasks with ttsctl's library: a queue, workers, audio and logs.
 *
 *   npm install ./ttsctl-0.1.0.tgz
 *   printf '{"user_id": "alice", "text": "你好"}\n' | node service.mjs ROOT [REDIS_URL]
 *
 * It takes one JSON object a line on stdin, queues a task for each, and ends when stdin has ended and all are finished. On
 * stdout it says what became of each. What a crash left unfinished goes on with the next start.
 */
import { randomUUID } from "node:crypto";
import { appendFile, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { openTaskStore } from "ttsctl";
import { speak } from "./speak.mjs";

const [root, redis = "off"] = process.argv.slice(2);
const WORKERS = 2;

const store = await openTaskStore({
  store: join(root, "voice_task.jsonl"), // JSON Lines: each step of a task is one append
  output: join(root, "output"),
  logs: join(root, "Logs"),
  redis,
  timezone: "UTC",
  logger: { info: () => {}, warn: (line) => process.stderr.write(`${line}\n`) },
});

/** Waits for what comes, until `close`. */
class Queue {
  #items = [];
  #takers = [];
  #closed = false;

  put(item) {
    const taker = this.#takers.shift();
    if (taker === undefined) this.#items.push(item);
    else taker(item);
  }

  close() {
    this.#closed = true;
    for (const taker of this.#takers.splice(0)) taker(undefined);
  }

  async take() {
    if (this.#items.length > 0 || this.#closed) return this.#items.shift();
    return new Promise((resolve) => this.#takers.push(resolve));
  }
}

const queue = new Queue();

async function enqueue({ user_id, text }) {
  const now = new Date().toISOString();
  const record = {
    user_id,
    task_id: randomUUID(),
    status: "queued",
    error: null,
    created_at: now,
    updated_at: now,
    text,
  };
  await store.upsert(record);
  queue.put(record);
}

/** One step of a task: the file has it when this returns. */
async function step(record, change) {
  const next = { ...record, ...change, updated_at: new Date().toISOString() };
  await store.upsert(next);
  return next;
}

async function work() {
  for (let record = await queue.take(); record !== undefined; record = await queue.take()) {
    record = await step(record, { status: "running", progress: 0 });
    try {
      const path = await synthesize(record);
      record = await step(record, { status: "succeeded", progress: 100, result_path: path });
    } catch (error) {
      record = await step(record, { status: "failed", error: error.message });
    }
    await log(record, record.status);
    process.stdout.write(`${JSON.stringify({ task_id: record.task_id, status: record.status })}\n`);
  }
}

/** Writes `output/{user}/{task}/{task}.wav`, where `ttsctl` looks for it, and returns the path below the root. */
async function synthesize({ user_id, task_id, text }) {
  const folder = join("output", user_id, task_id);
  await mkdir(join(root, folder), { recursive: true });
  const path = join(folder, `${task_id}.wav`);
  await writeFile(join(root, path), speak(text));
  return path;
}

/** Adds a line to `Logs/{date}/{hour}/{task}.log`. */
async function log({ task_id }, line) {
  const now = new Date().toISOString();
  const folder = join(root, "Logs", now.slice(0, 10).replaceAll("-", ""), now.slice(11, 13));
  await mkdir(folder, { recursive: true });
  await appendFile(join(folder, `${task_id}.log`), `${now} ${line}\n`);
}

await mkdir(root, { recursive: true });
for await (const { record } of store.all({ status: ["wait", "run"], source: "file" })) queue.put(record);
await store.startCleanup();
const workers = Promise.all(Array.from({ length: WORKERS }, work));
for await (const line of createInterface({ input: process.stdin })) if (line !== "") await enqueue(JSON.parse(line));
queue.close();
await workers;
await store.close();
