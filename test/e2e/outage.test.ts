import { afterEach, describe, expect, it } from "vitest";
import { parrotServer, silentServer } from "../helpers/faults.ts";
import { ago, record } from "../helpers/records.ts";
import { lines, type Run } from "../helpers/ttsctl.ts";
import { usePlace } from "./setup.ts";

const here = usePlace();
const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

const TIMEOUT_MS = 300;
const YOUNG = () => record("alice", "t2", { updated_at: ago(60) });

function fill(): void {
  here.root.configure(here.server.port, `[cleanup]\nretention = 7d\n`);
  here.root.writeStore([record("alice", "t1"), YOUNG()]);
}

/** It answered from the file, with one warning, in time. */
function expectFallback(run: Run): void {
  expect(run.code).toBe(0);
  const warnings = lines(run.stderr).filter((line) => line.startsWith("warning: "));
  expect(warnings).toHaveLength(1);
  expect(warnings[0]).toMatch(/ttsctl sync|protocol.*name a Redis server/);
  expect(run.ms).toBeLessThan(TIMEOUT_MS + 1000 + 1500); // the process starts and ends besides
}

const DOWN = [
  { what: "refuses", url: async () => "redis://127.0.0.1:1/0" },
  { what: "is silent", url: async () => started(await silentServer()) },
  { what: "is loading", url: async () => started(await parrotServer("-LOADING Redis is loading")) },
  { what: "is another program", url: async () => started(await parrotServer("HTTP/1.1 400 Bad Request\r\n")) },
];

function started(server: { url: string; stop(): Promise<void> }): string {
  ends.push(() => server.stop());
  return server.url;
}

describe.each(DOWN)("with a Redis that $what", ({ url }) => {
  it("list, query and get answer from the file with one warning", async () => {
    fill();
    const env = { REDIS_URL: await url(), REDIS_TIMEOUT: `${TIMEOUT_MS}ms` };
    const list = await here.run("list -o json", { env });
    expectFallback(list);
    expect(JSON.parse(list.stdout)).toMatchObject({ source: "file", total: 2 });
    const query = await here.runArgs(["query", '{"user_id": "alice", "task_ids": ["t1"]}', "-o", "json"], { env });
    expectFallback(query);
    expect(JSON.parse(query.stdout)).toMatchObject({ source: "file", total: 1 });
    const get = await here.run("get alice t1 -o json", { env });
    expectFallback(get);
    expect(JSON.parse(get.stdout)).toMatchObject({ source: "file", redis: null });
    expect(await here.run("list -q", { env })).toMatchObject({ code: 0, stderr: "" });
  });
});

describe("an outage", () => {
  it("cleanup and delete work on the file and exit 3", async () => {
    fill();
    here.root.writeArtifacts([{ user_id: "alice", task_id: "t1" }]);
    const env = { REDIS_PORT: "1" };
    const cleanup = await here.run("cleanup --once -o json", { env });
    expect([cleanup.code, JSON.parse(cleanup.stdout)]).toMatchObject([3, { purged: 1, files: 2 }]);
    const warnings = lines(cleanup.stderr).filter((line) => line.startsWith("warning: "));
    expect(warnings).toEqual([expect.stringContaining("not checked: layout, time zone, clock, right store")]);
    const remove = await here.run("delete --user alice --ids t2 --yes -o json", { env });
    expect([remove.code, JSON.parse(remove.stdout)]).toMatchObject([3, { deleted: 1 }]);
    expect(here.root.storeText()).toBe("[]");
  });

  it("leaves reads to Redis if the file was lost before Redis had a deletion", async () => {
    fill();
    await here.mirrored(record("alice", "t1"), YOUNG());
    const env = { REDIS_PORT: "1" };
    expect((await here.run("delete -u alice -i t1 --yes", { env })).code).toBe(3);
    here.root.rename("voice_task.json", "lost");
    const { source, total } = JSON.parse((await here.run("list -o json")).stdout);
    expect([source, total]).toEqual(["redis", 2]);
  });
});

describe("[redis] enabled = false", () => {
  it.each([
    { flags: "", env: {}, config: true },
    { flags: " --no-redis", env: {}, config: false },
    { flags: "", env: { REDIS_ENABLED: "no" }, config: false },
  ])("has the file answer without a warning: %j", async ({ flags, env, config }) => {
    fill();
    if (config) here.root.configure(null);
    const clients = Number(
      /total_connections_received:(\d+)/.exec(String(await here.server.call("INFO", "stats")))![1],
    );
    const list = await here.run(`list -o json${flags}`, { env });
    expect(list).toMatchObject({ code: 0, stderr: "" });
    expect(JSON.parse(list.stdout)).toMatchObject({ source: "file", total: 2 });
    expect(await here.run(`get alice t1 -o json${flags}`, { env })).toMatchObject({ code: 0, stderr: "" });
    const cleanup = await here.run(`cleanup --once -o json${flags}`, { env });
    expect(cleanup.code).toBe(0);
    expect(lines(cleanup.stderr).filter((line) => !line.startsWith("[CLEANUP]"))).toEqual([]);
    const after = Number(/total_connections_received:(\d+)/.exec(String(await here.server.call("INFO", "stats")))![1]);
    expect(after).toBe(clients);
  });
});
