import ts from "typescript";
import { describe, expect, it } from "vitest";
import { useProject } from "./project.ts";

const project = useProject();

const CONSUMER = `
import { openTaskStore, type StoredTask, type TaskPage, type TaskStore, type WriteResult } from "ttsctl";

export async function main(config: string | undefined): Promise<void> {
  const store: TaskStore = await openTaskStore({ store: "voice_task.json", redis: { port: 6390, timeout: "1s" }, retention: 60 });
  const written: WriteResult = await store.upsert({ user_id: "a", task_id: "t", updated_at: 1, anything: [1] });
  if (written.redis.state === "failed") console.log(written.redis.error.code satisfies string);
  const page: TaskPage = await store.listPage({ status: ["done"], pageSize: 5, since: new Date() });
  const task: StoredTask | null = await store.get("a", "t", { source: "file" });
  for await (const { record } of store.all({ since: "2h" })) console.log(record.user_id, record.anything);
  const { counts, problem } = await store.syncToRedis();
  console.log(page.items.length, task?.updatedAt, problem === null ? counts.written : problem.hint);
  // @ts-expect-error
  await openTaskStore({ store: "x", colour: "red" });
  // @ts-expect-error
  await store.upsert({ user_id: "a", task_id: "t" });
  // @ts-expect-error
  await store.listPage({ pageSize: "5" });
  await store.close();
}
`;
const TYPED = `
import { type BaseTask, openTaskStore, type StoreOptions, type TaskStore } from "ttsctl";

interface Speech extends BaseTask {
  readonly status: "queued" | "running" | "succeeded" | "failed" | "synthesized";
  readonly text: string;
  readonly voice?: string;
}

export async function main(env: Record<string, string | undefined>): Promise<void> {
  const options: StoreOptions = { store: env.STORE, redis: env.REDIS_URL, timezone: env.ZONE };
  const store: TaskStore<Speech> = await openTaskStore<Speech>(options);
  await store.upsert({ user_id: "a", task_id: "t", updated_at: 1, status: "queued", text: "x" });
  // @ts-expect-error no text
  await store.upsert({ user_id: "a", task_id: "t", updated_at: 1, status: "queued" });
  // @ts-expect-error not a word of the service
  await store.upsert({ user_id: "a", task_id: "t", updated_at: 1, status: "done", text: "x" });
  const task = await store.get("a", "t");
  const text: string | undefined = task?.record.text;
  // @ts-expect-error
  const voice: number | undefined = task?.record.voice;
  const claimed = await store.claim(["queued"], { status: "running", voice: "x" }, { leaseMs: 1000 });
  if (claimed !== null) {
    const { task: done, state } = await store.update(
      claimed.userId,
      claimed.taskId,
      (record) => ({ ...record, status: "succeeded", text: record.text.trim() }),
      { claimId: claimed.claimId },
    );
    console.log(state satisfies string, done?.record.text.length);
  }
  // @ts-expect-error no such field
  await store.claim(["queued"], { status: "running", colour: "red" });
  // @ts-expect-error no status
  await store.claim(["queued"], { voice: "x" });
  store.on("mirror", ({ owed }) => console.log(owed.toFixed()));
  await using other = await openTaskStore<Speech>({ store: "x", retention: { done: env.RETENTION } });
  console.log(await other.count());
  for (const { record } of (await store.listPage({ userId: env.USER, status: ["run", "queued", "synthesized"] })).items) {
    console.log(record.text.length, text, voice);
  }
}
`;
const REQUIRES = `
import ttsctl = require("ttsctl");
const store: Promise<ttsctl.TaskStore> = ttsctl.openTaskStore({ store: "x" });
void store.then((opened) => opened.close());
`;

describe("the types of the package", () => {
  it.each([
    ["node16", { "consumer.mts": CONSUMER, "consumer.cts": CONSUMER, "requires.cts": REQUIRES, "typed.mts": TYPED }],
    ["bundler", { "consumer.ts": CONSUMER, "typed.ts": TYPED }],
  ])("hold in a strict project with the resolution %s", (resolution, files) => {
    for (const [name, text] of Object.entries(files)) project.write(name, text);
    const module = resolution === "bundler" ? "esnext" : resolution;
    const options = ["--module", module, "--moduleResolution", resolution];
    expect(project.compile(Object.keys(files), options)).toBe("");
  });

  it("complete the words of a status in an editor", () => {
    const text = `import type { StoredTask, TaskFilter, TaskRecord } from "ttsctl";
export const record: TaskRecord = { user_id: "a", task_id: "t", updated_at: 1, status: "" };
export const filter: TaskFilter = { status: [""] };
export const isDone = (task: StoredTask) => task.status === "";
`;
    const file = project.write("editor.mts", text);
    const completions = completionsIn(file, text);
    expect(completions[0]).toEqual(expect.arrayContaining(["queued", "running", "succeeded", "failed"]));
    expect(completions[1]).toEqual(expect.arrayContaining(["queued", "wait", "run", "done", "error"]));
    expect(completions[2]).toEqual(expect.arrayContaining(["wait", "run", "done", "error"]));
  });
});

/** What an editor offers within each empty string of a file. */
function completionsIn(file: string, text: string): string[][] {
  const options: ts.CompilerOptions = { strict: true, module: ts.ModuleKind.Node16, target: ts.ScriptTarget.ES2022 };
  const service = ts.createLanguageService({
    getCompilationSettings: () => options,
    getScriptFileNames: () => [file],
    getScriptVersion: () => "1",
    getScriptSnapshot: (name) =>
      ts.sys.fileExists(name) ? ts.ScriptSnapshot.fromString(ts.sys.readFile(name)!) : undefined,
    getCurrentDirectory: () => project.path,
    getDefaultLibFileName: ts.getDefaultLibFilePath,
    fileExists: ts.sys.fileExists,
    readFile: ts.sys.readFile,
    directoryExists: ts.sys.directoryExists,
  });
  return [...text.matchAll(/""/g)].map(({ index }) => {
    return service.getCompletionsAtPosition(file, index + 1, {})?.entries.map(({ name }) => name) ?? [];
  });
}
