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
const REQUIRES = `
import ttsctl = require("ttsctl");
const store: Promise<ttsctl.TaskStore> = ttsctl.openTaskStore({ store: "x" });
void store.then((opened) => opened.close());
`;

describe("the types of the package", () => {
  it.each([
    ["consumer.mts", CONSUMER, "node16", "node16"],
    ["consumer.cts", CONSUMER, "node16", "node16"],
    ["requires.cts", REQUIRES, "node16", "node16"],
    ["nodenext.mts", CONSUMER, "nodenext", "nodenext"],
    ["bundler.ts", CONSUMER, "esnext", "bundler"],
  ])("hold for %s in a project that is strict (%#, module %s)", (name, text, module, resolution) => {
    project.write(name, text);
    expect(project.compile([name], ["--module", module, "--moduleResolution", resolution])).toBe("");
  });
});
