import { describe, expect, it } from "vitest";
import { NO_FILTER } from "../../src/task/query-fields.ts";
import { ago, record } from "../helpers/records.ts";
import type { RecordJson } from "../helpers/root.ts";
import { merge } from "./merge/setup.ts";
import { type Site, useSite } from "./setup.ts";

const here = useSite();
const TIME = ago(1);
const RUNNING: RecordJson = record("a", "t1", { status: "running", updated_at: TIME, progress: 25 });
/** Later than RUNNING, within the same second. */
const DONE: RecordJson = { ...RUNNING, status: "succeeded", progress: 100 };
const LATER: RecordJson = { ...RUNNING, progress: 50 };
const OTHER = record("b", "other", { updated_at: ago(3600) });
const older = (task: RecordJson) => ({ ...task, updated_at: ago(600) });

function replaceFile(records: readonly RecordJson[]): void {
  here.site.root.write("voice_task.tmp", JSON.stringify(records, null, 2));
  here.site.root.rename("voice_task.tmp", "voice_task.json");
}

const others = () => here.site.root.readStore().filter(({ task_id }) => task_id !== "t1");

/** Deletes as the service does, without a lock: from the file, then from Redis. */
async function serviceDeletes(): Promise<void> {
  replaceFile(others());
  const { server } = here.site;
  await server.call("DEL", "tts:task:a:t1");
  await server.call("ZREM", "tts:tasks:index", "a:t1");
  await server.call("ZREM", "tts:user:a:index", "t1");
}

async function serviceWrites(task: RecordJson): Promise<void> {
  replaceFile([task, ...others()]);
  const fields = ["user_id", "task_id", "status", "created_at", "updated_at"].flatMap((name) => [
    name,
    `${task[name]}`,
  ]);
  const rest = ["error", `${task.error ?? ""}`, "payload", JSON.stringify(task)];
  await here.site.server.call("HSET", "tts:task:a:t1", ...fields, ...rest);
}

/** Once, before or after the first call of a method of the mirror. */
function once(when: "onCall" | "afterCall", method: string, work: () => Promise<void>): void {
  let due = true;
  here.site.flaky[when](async (name) => {
    if (!due || name !== method) return;
    due = false;
    await work();
  });
}

async function expectInBoth(task: RecordJson | null): Promise<void> {
  const { root, server } = here.site;
  const inFile = root.readStore().find(({ task_id }) => task_id === "t1");
  const hash = await server.hash("tts:task:a:t1");
  const payload = hash.payload === undefined ? null : JSON.parse(hash.payload);
  expect({ file: inFile ?? null, payload, status: hash.status }).toEqual({
    ...{ file: task, payload: task, status: task?.status },
  });
  const score = await server.call("ZSCORE", "tts:tasks:index", "a:t1");
  expect([score === null, await server.call("ZSCORE", "tts:user:a:index", "t1")]).toEqual([task === null, score]);
}

interface Case {
  readonly command: string;
  /** What the stores have before; no record: nothing of the task. */
  readonly inFile?: RecordJson;
  readonly inRedis?: RecordJson;
  readonly run: (site: Site) => Promise<unknown>;
}

async function lay({ inFile, inRedis }: Pick<Case, "inFile" | "inRedis">): Promise<void> {
  here.site.root.writeStore([...(inFile === undefined ? [] : [inFile]), OTHER]);
  await here.site.writeRedis(...(inRedis === undefined ? [] : [inRedis]), OTHER);
}

const QUEUED = { ...RUNNING, status: "queued", progress: 0 };
const selected = (status: string) => ({ filter: { ...NO_FILTER, statuses: new Set([status]) } });
const asRunning = { status: "running", shown: "run", error: undefined };

describe("a task that the service deletes just before its copy is written to Redis is in neither store then", () => {
  const CASES: Case[] = [
    { command: "sync", inFile: RUNNING, run: (site) => site.sync() },
    { command: "import of what the file has", inFile: RUNNING, run: (site) => merge(site, [RUNNING]) },
    { command: "import", run: (site) => merge(site, [RUNNING]) },
    { command: "verify --repair", inFile: RUNNING, run: (site) => site.repair() },
    { command: "verify --repair --restore", inRedis: QUEUED, run: (site) => site.repair({ restore: true }) },
    { command: "mark", inFile: RUNNING, run: (site) => site.mark(selected("run")) },
    {
      command: "mark of what is marked in the file alone",
      ...{ inFile: RUNNING, run: (site) => site.mark(selected("run"), asRunning) },
    },
  ];
  it.each(CASES)("$command", async (one) => {
    await lay(one);
    once("onCall", "upsert", serviceDeletes);
    await one.run(here.site);
    await expectInBoth(null);
  });
});

describe("writes of the service within the same second, just before a copy is written to Redis, are kept", () => {
  const CASES: Case[] = [
    { command: "sync", ...{ inFile: RUNNING, inRedis: older(QUEUED) }, run: (site) => site.sync() },
    {
      command: "sync --checksum",
      ...{ inFile: RUNNING, inRedis: QUEUED },
      run: (site) => site.sync({ checksum: true }),
    },
    { command: "verify --repair", ...{ inFile: RUNNING, inRedis: QUEUED }, run: (site) => site.repair() },
    {
      command: "import --merge replace",
      ...{ inFile: QUEUED, inRedis: QUEUED, run: (site) => merge(site, [RUNNING], { policy: "replace" }) },
    },
  ];
  const BOTH = CASES.flatMap((one) => [DONE, LATER].map((word) => ({ ...one, word, status: word.status })));
  it.each(BOTH)("$command, the service goes on to $status", async ({ word, ...one }) => {
    await lay(one);
    once("onCall", "upsert", () => serviceWrites(word));
    await one.run(here.site);
    await expectInBoth(word);
  });
});

it("a record that the service puts back over a mark, with an older time, doesn't overwrite the mark in Redis", async () => {
  const { site } = here;
  await lay({ inFile: RUNNING, inRedis: RUNNING });
  once("onCall", "upsert", async () => replaceFile([LATER, ...others()]));
  const { result } = await site.mark(selected("run"));
  expect(result).toMatchObject({ marked: 0, returned: 1, failed: 0 });
  const inFile = site.root.readStore().find(({ task_id }) => task_id === "t1");
  expect([inFile, (await site.server.hash("tts:task:a:t1")).status]).toEqual([LATER, "failed"]);
});

describe("cleanup restores nothing in Redis that the service deleted since", () => {
  it.each(["as new as", "newer than"])("a copy %s the file's", async (what) => {
    const expired = record("a", "t1");
    const { site } = here;
    site.root.writeStore([expired, OTHER]);
    await site.writeRedis(what === "newer than" ? { ...expired, updated_at: "2020-02-02T00:00:00" } : expired, OTHER);
    site.root.writeArtifacts([expired]);
    site.root.write("output/a/t1/new.wav", "the service writes this just now", Date.now() / 1000 + 60);
    once("onCall", "upsert", serviceDeletes);
    if (what === "newer than") once("afterCall", "remove", serviceDeletes);
    await site.cleanup();
    await expectInBoth(null);
  });
});

describe("verify beside a service that writes several states of a task within one second", () => {
  it.each(["verify", "repair"] as const)("reports no drift between its two writes: %s", async (command) => {
    const { site } = here;
    await lay({ inFile: RUNNING, inRedis: QUEUED });
    let progress = 0;
    site.flaky.onCall(async (method) => {
      if (method !== "fullCopies") return;
      await serviceWrites({ ...RUNNING, progress: ++progress });
      replaceFile([{ ...RUNNING, progress: ++progress }, ...others()]);
    });
    const { result } = await site[command]();
    expect(result).toMatchObject({ differs: 0, inSync: 2, repaired: 0 });
  });
});
