import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, inject, it } from "vitest";
import { openTaskStore } from "../../src/library/index.ts";
import type { TaskStore } from "../../src/library/types.ts";
import { cleanEnv } from "../helpers/clean-env.ts";
import { RedisServer } from "../helpers/redis.ts";
import { SEED } from "../helpers/seed.ts";
import { Chance, times } from "./helpers/chance.ts";
import { triedFault } from "./helpers/tally.ts";

const ROOT = new URL("../..", import.meta.url).pathname;
const LEASE_MS = 2000;
const SECONDS = times(4, 600);
/** After this long a Redis that is back must not give anything stale. */
const FRESH_MS = 2000;

/** What the processes of the example service said, those that were killed included. */
class Services {
  readonly folder = mkdtempSync(join(tmpdir(), "ttsctl-workers-"));
  readonly root = join(this.folder, "root");
  /** The user of each task that was heard of. */
  readonly users = new Map<string, string>();
  /** Tasks that were acknowledged; a process may be killed before it says so. */
  readonly queued = new Set<string>();
  readonly finished = new Map<string, number>();
  readonly stderr: string[] = [];
  readonly #url: string;
  readonly #running: ChildProcessByStdio<Writable, Readable, Readable>[] = [];
  #lines = 0;

  constructor(url: string) {
    this.#url = url;
    cpSync(join(ROOT, "examples/service"), this.folder, { recursive: true });
    mkdirSync(join(this.folder, "node_modules"));
    mkdirSync(this.root);
    symlinkSync(inject("packageRoot"), join(this.folder, "node_modules/ttsctl"));
  }

  start(): void {
    const child = spawn(process.execPath, ["service.mjs", this.root, this.#url], {
      cwd: this.folder,
      env: cleanEnv({ LEASE_MS: `${LEASE_MS}` }),
      stdio: ["pipe", "pipe", "pipe"],
    });
    child.stdin.on("error", () => {});
    child.stderr.setEncoding("utf8").on("data", (text: string) => this.stderr.push(text));
    createInterface({ input: child.stdout }).on("line", (line) => this.#hear(line));
    this.#running.push(child);
  }

  #hear(line: string): void {
    if (!line.endsWith("}")) return; // cut by a kill
    const { task_id, user_id, status } = JSON.parse(line) as Record<"task_id" | "user_id" | "status", string>;
    this.users.set(task_id, user_id);
    if (status === "queued") this.queued.add(task_id);
    else this.finished.set(task_id, (this.finished.get(task_id) ?? 0) + 1);
  }

  /** A line for one of them. */
  feed(chance: Chance): void {
    const line = { user_id: `user${this.#lines % 3}`, text: `第${this.#lines++}句` };
    chance.of(this.#running).stdin.write(`${JSON.stringify(line)}\n`);
  }

  async killOne(chance: Chance): Promise<void> {
    const child = chance.of(this.#running);
    this.#running.splice(this.#running.indexOf(child), 1);
    child.kill("SIGKILL");
    await once(child, "close");
    this.start();
  }

  /** Ends the input; each ends when nothing is left to claim. */
  async end(): Promise<(number | null)[]> {
    const ended = this.#running.splice(0).map(async (child) => {
      child.stdin.end();
      const [code] = (await once(child, "close")) as [number | null];
      return code;
    });
    return Promise.all(ended);
  }

  remove(): void {
    for (const child of this.#running.splice(0)) child.kill("SIGKILL");
    rmSync(this.folder, { recursive: true, force: true });
  }
}

let server: RedisServer;
let services: Services;
let store: TaskStore;

beforeEach(async () => {
  server = await RedisServer.start();
  services = new Services(server.url);
  const options = { store: join(services.root, "voice_task.jsonl"), redis: server.url, timezone: "UTC" };
  store = await openTaskStore(options);
});
afterEach(async () => {
  await store.close();
  services.remove();
  await server.remove();
});

it("row A, the example service in three processes, with random kill -9 and outages of Redis, loses no task, finishes none twice and revives none; reads are fresh soon after Redis is back", async () => {
  const chance = new Chance("workers");
  const deleted = new Set<string>();
  const stale: string[] = [];
  for (let i = 0; i < 3; i++) services.start();
  await Promise.all([
    during(
      () => 20 + chance.below(80),
      () => services.feed(chance),
    ),
    during(
      () => 500 + chance.below(2000),
      () => services.killOne(chance),
    ),
    deleting(chance, deleted),
    restarting(chance, deleted, stale),
  ]);
  const label = `TTSCTL_SEED=${SEED}\n${services.stderr.join("").slice(-2000)}`;
  expect(await services.end(), label).toEqual([0, 0, 0]);
  await finishRest();

  const held = new Map<string, string>();
  for await (const task of store.all({ source: "file" })) held.set(task.taskId, task.status);
  const acknowledged = [...services.queued];
  const lost = acknowledged.filter((id) => !deleted.has(id) && held.get(id) !== "done");
  const twice = [...services.finished].filter(([, count]) => count > 1);
  const revived = [...deleted].filter((id) => held.has(id));
  triedFault(acknowledged.length, lost.length);
  expect({ lost, twice, revived, stale }, label).toEqual({ lost: [], twice: [], revived: [], stale: [] });
  expect(acknowledged.length).toBeGreaterThan(SECONDS);
  expect(deleted.size).toBeGreaterThan(0);
});

/** Claims of processes that were killed expire, and then others finish those tasks. */
async function finishRest(): Promise<void> {
  for (let tries = 0; tries < 10; tries++) {
    if ((await store.count({ status: ["wait", "run"], source: "file" })) === 0) return;
    await sleep(LEASE_MS);
    services.start();
    await services.end();
  }
}

async function during(everyMs: () => number, work: () => Promise<void> | void): Promise<void> {
  for (const end = Date.now() + SECONDS * 1000; ; await work()) {
    const pause = everyMs();
    if (Date.now() + pause >= end) return;
    await sleep(pause);
  }
}

function deleting(chance: Chance, deleted: Set<string>): Promise<void> {
  return during(
    () => 100 + chance.below(400),
    async () => {
      const known = [...services.users].filter(([id]) => !deleted.has(id));
      if (known.length === 0) return;
      const [taskId, userId] = chance.of(known);
      const { state } = await store.delete(userId, taskId);
      if (state === "removed") deleted.add(taskId);
    },
  );
}

/** Redis is killed, comes back empty, and is read when it had time to be repaired. */
function restarting(chance: Chance, deleted: ReadonlySet<string>, stale: string[]): Promise<void> {
  return during(
    () => 500 + chance.below(1500),
    async () => {
      await server.stop();
      await sleep(200 + chance.below(1000));
      await server.start();
      await sleep(FRESH_MS);
      const gone = [...deleted];
      for (const id of gone) {
        if ((await store.get(services.users.get(id)!, id)) !== null) stale.push(`${id} is deleted`);
      }
      for (const id of chance.some([...services.finished.keys()], 20)) {
        const userId = services.users.get(id)!;
        const read = await store.get(userId, id);
        const inFile = await store.get(userId, id, { source: "file" });
        if (read?.status !== inFile?.status) stale.push(`${id}: ${read?.status}, not ${inFile?.status}`);
      }
    },
  );
}
