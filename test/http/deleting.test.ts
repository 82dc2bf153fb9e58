import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { beforeEach, expect, it } from "vitest";
import { FastClock } from "../helpers/clock.ts";
import { record } from "../helpers/records.ts";
import { lines } from "../helpers/ttsctl.ts";
import { bringBack, replaceStore } from "../store/file/service.ts";
import { refusalOf, type Served, useServer } from "./setup.ts";

const here = useServer();
const TASKS = [record("alice", "t01"), record("alice", "t02", { status: "running" }), record("bob", "t03")];
beforeEach(async () => {
  here.root.writeStore(TASKS);
  here.root.writeArtifacts([{ user_id: "alice", task_id: "t01" }]);
  await here.mirrored(...TASKS);
});

const remove = (server: Served, id: string, query = "user_id=alice") =>
  server.fetch(`/voice-tasks/${id}?${query}`, { method: "DELETE" });
const inStores = async () => [
  here.root.readStore().map(({ task_id }) => task_id),
  ((await here.server.call("ZRANGE", "tts:tasks:index", 0, -1)) as string[]).sort(),
];

it("takes a finished task out of both stores and off the disk, with a line in the ledger", async () => {
  here.root.configure(here.server.port, "[audit]\npath = audit.jsonl\n");
  const server = await here.serve("--no-cleanup");
  const answer = await remove(server, "t01");
  expect([answer.status, await answer.json()]).toMatchObject([200, { requested: 1, deleted: 1, files: 2 }]);
  expect((await inStores()).flat()).toEqual(["t02", "t03", "alice:t02", "bob:t03"]);
  expect(here.root.has("output/alice/t01")).toBe(false);
  const ledger = lines(readFileSync(here.root.at("audit.jsonl"), "utf8")).map((line) => JSON.parse(line));
  expect(ledger.map(({ event }) => event)).toEqual(["begin", "tasks", "end"]);
  const tasks = [{ user_id: "alice", task_id: "t01" }];
  expect(ledger[1]).toMatchObject({ action: "purge", reason: "deleted", tasks });
  expect(ledger[0]).toMatchObject({
    argv: ["serve", "--port", "0", "--no-cleanup"],
    request: "DELETE /voice-tasks/t01?user_id=alice from 127.0.0.1",
  });
  await server.run.says(/\[CLEANUP\] user=alice task=t01 reason=deleted/);
  expect(server.run.stdout).toBe("");
  expect(await refusalOf(await remove(server, "t01"))).toEqual([404, "TASK_NOT_FOUND"]);
});

it("that ended early, as its ledger couldn't be written to the end, is an error", async () => {
  here.root.configure(here.server.port, "[audit]\npath = audit.jsonl\n");
  const server = await here.serveBuilt("--no-cleanup");
  expect((await remove(server, "t01")).status).toBe(200);
  const [begin = "", tasks = "", end = ""] = lines(readFileSync(here.root.at("audit.jsonl"), "utf8"));
  const most = 2 * (begin.length + tasks.length + 2) + end.length + 11;
  spawnSync("prlimit", ["--pid", `${server.run.pid}`, `--fsize=${most}`]);
  expect(await refusalOf(await remove(server, "t03", "user_id=bob"))).toEqual([500, "AUDIT_FAILED"]);
  expect((await inStores())[0]).toEqual(["t02"]);
});

it("is refused by a server that only reads, as is any other change", async () => {
  const server = await here.serve("--read-only");
  const anyId = server.fetch("/voice-task?task_id=t01&user_id=alice", { method: "DELETE" });
  const posts = ["delete", "mark"].map((name) => server.post(`/voice-tasks/${name}`, { all: true, to: "error" }));
  for (const answer of [remove(server, "t01"), anyId, ...posts])
    expect(await refusalOf(await answer)).toEqual([403, "READ_ONLY"]);
  expect((await inStores())[0]).toEqual(["t01", "t02", "t03"]);
});

it("is a conflict if the service writes the task back again and again", async () => {
  const server = await here.serve("--no-cleanup --no-redis", {}, new FastClock());
  replaceStore(here.root.store, TASKS as never); // a write of the last minute
  const service = bringBack(here.root.store, TASKS as never, Number.POSITIVE_INFINITY);
  expect(await refusalOf(await remove(server, "t01"))).toEqual([409, "TASK_RETURNED"]);
  service.stop();
});

it("needs the user, and deletes no other user's task", async () => {
  const server = await here.serve("--no-cleanup");
  expect(await refusalOf(await remove(server, "t01", ""))).toEqual([400, "USAGE"]);
  expect(await refusalOf(await remove(server, "t01", "user_id=bob"))).toEqual([404, "TASK_NOT_FOUND"]);
  expect((await inStores())[0]).toEqual(["t01", "t02", "t03"]);
});

it("refuses an unfinished one unless it is forced", async () => {
  const server = await here.serve("--no-cleanup");
  expect(await refusalOf(await remove(server, "t02"))).toEqual([409, "TASK_UNFINISHED"]);
  expect(await refusalOf(await remove(server, "t02", "user_id=alice&force=yes"))).toEqual([400, "USAGE"]);
  expect(await refusalOf(await remove(server, "t02", "user_id=alice&force=false"))).toEqual([409, "TASK_UNFINISHED"]);
  expect((await inStores())[0]).toContain("t02");
  expect((await remove(server, "t02", "user_id=alice&force=true")).status).toBe(200);
  expect((await inStores())[0]).not.toContain("t02");
});
