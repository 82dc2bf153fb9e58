/**
 * A small text-to-speech service that keeps its tasks with ttsctl's library: workers, audio and logs. Any number of processes
 * may run it on one root; each task is synthesized by one of them.
 *
 *   npm install ./ttsctl-0.1.0.tgz
 *   printf '{"user_id": "alice", "text": "你好"}\n' | node service.mjs ROOT [REDIS_URL]
 *
 * It reads one JSON object per line from stdin, queues a task for each, and ends when stdin has ended and no task is left to
 * claim. It prints a line when a task is queued and when it is finished. A task of a process that crashed is claimed by
 * another one when its lease has expired.
 */
// @ts-check
import { randomUUID } from "node:crypto";
import { appendFile, mkdir, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { createInterface } from "node:readline";
import { openTaskStore } from "ttsctl";
import { speak } from "./speak.mjs";

/**
 * @typedef {import("ttsctl").BaseTask & {
 *   readonly text: string;
 *   readonly progress?: number;
 *   readonly result_path?: string;
 * }} Speech
 */

const [root = ".", redis = "off"] = process.argv.slice(2);
const WORKERS = 2;
const LEASE_MS = Number(process.env.LEASE_MS ?? 30_000);
/** How long an idle worker waits for a task of another process. */
const IDLE_MS = 200;

/** @type {import("ttsctl").TaskStore<Speech>} */
const store = await openTaskStore({
  store: join(root, "voice_task.jsonl"), // JSON Lines: each step of a task is one append
  output: join(root, "output"),
  logs: join(root, "Logs"),
  redis,
  timezone: "UTC",
  logger: { info: () => {}, warn: (line) => process.stderr.write(`${line}\n`) },
});
let isInputOpen = true;

/** @param {{ user_id: string, text: string }} line */
async function enqueue({ user_id, text }) {
  const now = new Date().toISOString();
  const task_id = randomUUID();
  await store.upsert({ user_id, task_id, status: "queued", error: null, created_at: now, updated_at: now, text });
  say({ user_id, task_id, status: "queued" });
}

async function work() {
  for (;;) {
    const task = await store.claim(["queued"], { status: "running", progress: 0 }, { leaseMs: LEASE_MS });
    if (task !== null) await run(task);
    else if (isInputOpen) await new Promise((resolve) => setTimeout(resolve, IDLE_MS));
    else return;
  }
}

/** @param {import("ttsctl").ClaimedTask<Speech>} task */
async function run({ userId, taskId, claimId, record }) {
  const change = await outcomeOf(userId, taskId, record.text);
  const { state, task } = await store.update(userId, taskId, (latest) => ({ ...latest, ...change }), { claimId });
  // Else it was deleted, or claimed by another process because the lease had expired.
  if (state !== "written" || task === null) return;
  await log(taskId, String(task.record.status));
  say({ user_id: userId, task_id: taskId, status: task.record.status });
}

/**
 * @param {string} userId
 * @param {string} taskId
 * @param {string} text
 * @returns {Promise<Partial<Speech>>}
 */
async function outcomeOf(userId, taskId, text) {
  try {
    const path = await store.artifactPath(userId, taskId, `${taskId}.wav`);
    const audio = speak(text);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, audio);
    return { status: "succeeded", progress: 100, result_path: relative(root, path) };
  } catch (error) {
    return { status: "failed", error: error instanceof Error ? error.message : String(error) };
  }
}

/**
 * Adds a line to `Logs/{date}/{hour}/{task}.log`.
 * @param {string} taskId
 * @param {string} line
 */
async function log(taskId, line) {
  const now = new Date().toISOString();
  const folder = join(root, "Logs", now.slice(0, 10).replaceAll("-", ""), now.slice(11, 13));
  await mkdir(folder, { recursive: true });
  await appendFile(join(folder, `${taskId}.log`), `${now} ${line}\n`);
}

/** @param {object} line */
function say(line) {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

await mkdir(root, { recursive: true });
await store.startCleanup();
const workers = Promise.all(Array.from({ length: WORKERS }, work));
for await (const line of createInterface({ input: process.stdin })) if (line !== "") await enqueue(JSON.parse(line));
isInputOpen = false;
await workers;
await store.close();
