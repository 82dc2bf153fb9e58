import { beforeEach, expect, it } from "vitest";
import { record } from "../helpers/records.ts";
import { type Served, useServer } from "./setup.ts";

const here = useServer();
const SERVE = "--dialect api_ms --no-sync --no-cleanup";

beforeEach(() =>
  here.root.writeStore([
    record("alice", "t1"),
    record("alice", "both", { updated_at: "2020-01-01T08:00:06" }),
    record("bob", "both"),
    record("bob", "t2", { status: "running" }),
  ]),
);

async function answer(server: Served, path: string, init?: RequestInit): Promise<[status: number, body: unknown]> {
  const response = await server.fetch(path, init);
  expect(response.headers.get("content-type")).toBe("application/json");
  return [response.status, await response.json()];
}

const failed = (code: number, message: unknown) => ({ code, message, data: {} });
const DELETE = { method: "DELETE" };

it("errors are envelopes with the status of the plain dialect, on the task endpoints only", async () => {
  const server = await here.serve(SERVE);
  const post = (body: string, type = "application/json") =>
    answer(server, "/voice-tasks/query", { method: "POST", body, headers: { "content-type": type } });
  expect(await answer(server, "/voice-tasks")).toEqual([200, failed(3, "缺少 user_id")]);
  expect(await answer(server, "/voice-tasks?ids=t1")).toEqual([200, failed(3, "缺少 user_id")]);
  expect(await answer(server, "/voice-tasks/none")).toEqual([200, failed(2, "not found")]);
  expect(await answer(server, "/voice-tasks?user_id=a&page=x")).toEqual([
    400,
    failed(3, expect.stringMatching(/page/)),
  ]);
  expect(await post("{")).toEqual([400, failed(3, expect.stringMatching(/not JSON/))]);
  expect(await post('{"user_id":"a","page":[]}')).toEqual([400, failed(3, expect.stringMatching(/page/))]);
  expect(await post('{"user_id":"a","task_ids":"t1"}')).toEqual([400, failed(3, expect.stringMatching(/task_ids/))]);
  expect(await post("{}", "text/plain")).toEqual([415, failed(3, expect.stringMatching(/JSON/))]);
  const crossSite = { ...DELETE, headers: { origin: "http://evil.example" } };
  expect(await answer(server, "/voice-tasks/t1", crossSite)).toEqual([403, failed(1, expect.any(String))]);
  expect(await server.json("/voice-tasks/t1/files")).toMatchObject({ status: 400, code: "USAGE" });
  expect(await server.json("/nothing")).toMatchObject({ status: 404, code: "NOT_FOUND" });
});

it.each(["in Redis and the file", "in the file", "only in Redis"])(
  "a task is found by its id alone: %s",
  async (where) => {
    if (where !== "in the file") await here.run("sync");
    if (where === "only in Redis") here.root.writeStore([record("zoe", "z")]);
    const server = await here.serve(SERVE);
    expect(await answer(server, "/voice-tasks/t1")).toMatchObject([200, { code: 0, data: { user_id: "alice" } }]);
    expect(await answer(server, "/voice-tasks/bo")).toEqual([200, failed(2, "not found")]);
    if (where !== "only in Redis") {
      expect(await answer(server, "/voice-tasks/both")).toMatchObject([200, { data: { user_id: "alice" } }]);
    }
  },
);

it("a task is found by its id alone in Redis if the file is damaged", async () => {
  await here.run("sync");
  here.root.replaceStore("[{");
  const server = await here.serve(SERVE);
  expect(await answer(server, "/voice-tasks/t1")).toMatchObject([200, { code: 0, data: { user_id: "alice" } }]);
  expect(await answer(server, "/voice-tasks/t1/users")).toEqual([200, { users: ["alice"] }]);
  expect(await answer(server, "/voice-tasks/none")).toMatchObject([503, { code: 1 }]);
});

it("deletes by the id, but no task whose id another user also has, and no unfinished one", async () => {
  await here.run("sync");
  const server = await here.serve(SERVE);
  const removed = (is: boolean) => [200, { code: 0, message: "", data: { removed: is } }];
  expect(await answer(server, "/voice-tasks/both", DELETE)).toEqual([
    409,
    failed(2, expect.stringMatching(/add user_id/)),
  ]);
  expect(await answer(server, "/voice-tasks/t2", DELETE)).toEqual([
    409,
    failed(2, expect.stringMatching(/force=true/)),
  ]);
  expect(here.root.readStore()).toHaveLength(4);
  expect(await answer(server, "/voice-tasks/both?user_id=bob", DELETE)).toEqual(removed(true));
  expect(await answer(server, "/voice-tasks/t1", DELETE)).toEqual(removed(true));
  expect(await answer(server, "/voice-tasks/t1", DELETE)).toEqual(removed(false));
  expect(await answer(server, "/voice-tasks/t2?force=true", DELETE)).toEqual(removed(true));
  expect(here.root.readStore()).toMatchObject([{ user_id: "alice", task_id: "both" }]);
  const reading = await here.serve("--dialect api_ms --read-only");
  expect(await answer(reading, "/voice-tasks/none", DELETE)).toEqual([403, failed(1, expect.any(String))]);
});

it("a task may be asked for often, but not for more than 8 MiB of repeats", async () => {
  here.root.writeStore([record("alice", "t1", { text: "x".repeat(1000) }), record("alice", "t2")]);
  const server = await here.serve(SERVE);
  const ask = async (ids: string[]) => {
    const headers = { "content-type": "application/json" };
    const body = JSON.stringify({ user_id: "alice", task_ids: ids });
    const [status, envelope] = await answer(server, "/voice-tasks/query", { method: "POST", headers, body });
    return [status, envelope as { code: number; message: string; data: { total: number } }] as const;
  };
  const repeats = (count: number) => Array.from({ length: count }, () => "t1");
  const [fine, some] = await ask(["t2", ...repeats(5000)]);
  expect([fine, some.data.total]).toEqual([200, 5001]);
  const [refused, why] = await ask(repeats(100_000));
  expect([refused, why]).toEqual([400, failed(3, expect.stringMatching(/^task_ids .*too large; .*each id once$/))]);
});
