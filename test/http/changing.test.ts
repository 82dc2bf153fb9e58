import { readFileSync } from "node:fs";
import { beforeEach, describe, expect, it } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { FileStore } from "../../src/store/file/file-store.ts";
import { FastClock } from "../helpers/clock.ts";
import { RULES, record } from "../helpers/records.ts";
import { until } from "../helpers/until.ts";
import { refusalOf, type Served, useServer } from "./setup.ts";
import { posted, request, Wire } from "./wire.ts";

const here = useServer();
const TASKS = [
  record("alice", "t01"),
  record("alice", "t02", { status: "running" }),
  record("alice", "t03", { status: "failed", error: "no voice" }),
  record("bob", "t05"),
  record("bob", "t04", { status: "queued" }),
];
async function fillStores(): Promise<void> {
  here.root.writeStore(TASKS);
  here.root.writeArtifacts([{ user_id: "alice", task_id: "t01" }]);
  await here.mirrored(...TASKS);
}
beforeEach(fillStores);

const inFile = () => here.root.readStore().map(({ user_id, task_id }) => `${user_id}:${task_id}`);
const inRedis = async () => ((await here.server.call("ZRANGE", "tts:tasks:index", 0, -1)) as string[]).sort();
const statusesInFile = () =>
  Object.fromEntries(here.root.readStore().map(({ user_id, task_id, status }) => [`${user_id}:${task_id}`, status]));

/** What the command prints in the same state, which a dry run leaves as it is. */
const printed = async (line: string) => (await here.run(`${line} -o json`)).stdout;

type Change = [name: "delete" | "mark", body: object, flags: string];

describe("POST /voice-tasks/delete and /mark", () => {
  it.each<Change>([
    ["delete", { user_id: "alice" }, "--user alice"],
    ["delete", { user_id: "alice", force: true }, "--user alice --force"],
    ["delete", { user_id: "alice", task_ids: ["t01", "t02", "none", "t01"] }, "--user alice --ids t01,t02,none,t01"],
    ["delete", { task_ids: ["alice:t01", "bob:t04", "bob:x"] }, "--ids alice:t01,bob:t04,bob:x"],
    ["delete", { status: ["error", "queued"], until: "7d", user_id: null }, "--status error,queued --until 7d"],
    ["delete", { all: true, stuck: false }, "--all"],
    ["delete", { stuck: true, since: "2019-01-01T00:00:00Z" }, "--stuck --since 2019-01-01T00:00:00Z"],
    ["mark", { status: ["error"], to: "queued" }, "--status error --to queued"],
    ["mark", { user_id: "alice", to: "failed", error: "died" }, "--user alice --to failed --error died"],
    ["mark", { task_ids: ["alice:t02", "bob:t9"], to: "Error" }, "--ids alice:t02,bob:t9 --to Error"],
    ["mark", { all: true, to: "wait", error: null, max_mark: "100%" }, "--all --to wait --max-mark 100%"],
  ])("plans and does %s of %j as the command does, byte for byte", async (name, body, flags) => {
    const server = await here.serve("--no-cleanup --no-sync");
    const path = `/voice-tasks/${name}`;
    const before = await here.state();
    const plan = await server.post(path, { ...body, dry_run: true });
    expect([plan.status, await plan.text()]).toEqual([200, await printed(`${name} ${flags} --dry-run`)]);
    expect(await here.state()).toEqual(before);
    expect(server.run.stderr).not.toContain("[CLEANUP]");
    const done = await (await server.post(path, body)).text();
    const left = [statusesInFile(), await inRedis()];
    await here.server.call("FLUSHALL");
    await fillStores();
    expect(done).toBe(await printed(`${name} ${flags} --yes`));
    expect(left).toEqual([statusesInFile(), await inRedis()]);
  });

  it("tries failed tasks again, in both stores, with a line in the ledger", async () => {
    here.root.configure(here.server.port, "[audit]\npath = audit.jsonl\n");
    const server = await here.serve("--no-cleanup");
    const body = { user_id: "alice", task_ids: ["t01", "t03"], status: ["error"], to: "queued" };
    expect(await (await server.post("/voice-tasks/mark", { ...body, dry_run: true })).json()).toMatchObject({
      ...{ requested: 1, marked: 1, byStatus: { error: 1 } },
    });
    expect(await (await server.post("/voice-tasks/mark", body)).json()).toMatchObject({ requested: 1, marked: 1 });
    expect(here.root.readStore()[2]).toMatchObject({ status: "queued", error: null });
    const ids = (await server.json("/voice-tasks?user_id=alice&status=wait")) as { items: { task_id: string }[] };
    expect(ids.items.map(({ task_id }) => task_id)).toEqual(["t03"]);
    expect(readFileSync(here.root.at("audit.jsonl"), "utf8")).toContain('"reason":"error to wait"');
  });
});

const refused: [path: string, body: unknown, said: RegExp][] = [
  ["delete", {}, /no tasks chosen/],
  ["delete", { user_id: null, task_ids: null, stuck: false, all: false }, /no tasks chosen/],
  ["delete", { user_id: "alice", task_ids: ["t01", "\ud800"] }, /isn't valid Unicode/],
  ["mark", { all: true, to: "error", error: "x".repeat(10_001) }, /error is too long/],
  ["delete", { all: true, user_id: "alice" }, /"all" can't be used with a selection/],
  ["delete", { user_id: "alice", task_ids: Array(100_001).fill("t01") }, /has 100001 ids/],
  ["delete", { user_id: "alice", task_ids: [] }, /"task_ids" has no task id/],
  ["delete", { user_id: "alice", status: [] }, /"status" is empty/],
  ["delete", { user_id: "", status: ["error"] }, /"user_id" is empty/],
  ["delete", { task_ids: ["t01"] }, /neither a user nor a colon/],
  ["delete", { user_id: "a:b" }, /"user_id"/],
  ["delete", { status: ["gone"] }, /unknown status "gone"/],
  ["delete", { user_id: "alice", since: "soon" }, /isn't a time/],
  ["delete", { all: "true" }, /invalid "all"/],
  ["delete", { all: true, force: 1 }, /invalid "force"/],
  ["delete", { all: true, max_delete: "101%" }, /invalid "max_delete"/],
  ["delete", { all: true, backup: "/etc/passwd" }, /unknown key "backup"/],
  ["delete", '{"all": true, "__proto__": {}}', /unknown key "__proto__"/],
  ["delete", `{"user_id": "alice", "task_ids": [${"[".repeat(200_000)}${"]".repeat(200_000)}]}`, /levels of nesting/],
  ["delete", "", /not JSON/],
  ["delete?force=true", { user_id: "alice" }, /unknown parameter "force"/],
  ["mark", { all: true }, /needs a new status: "to"/],
  ["mark", { all: true, to: "gone" }, /"to": unknown status "gone"/],
];
it("a careless or hostile body is refused with a reason, and changes nothing", async () => {
  const server = await here.serve("--no-cleanup --no-sync");
  const before = await here.state();
  for (const [path, body, said] of refused) {
    const answer = await server.post(`/voice-tasks/${path}`, body);
    const { code, detail, hint } = (await answer.json()) as Record<string, string>;
    expect([path, body, answer.status, code]).toEqual([path, body, 400, "USAGE"]);
    expect(detail).toMatch(said);
    expect(detail).not.toContain("\n");
    expect(hint).toMatch(/./);
  }
  for (const max of [0, 1]) {
    const above = await server.post("/voice-tasks/delete", { user_id: "alice", max_delete: max });
    expect(await refusalOf(above)).toEqual([409, "MAX_DELETE_EXCEEDED"]);
  }
  expect(await here.state()).toEqual(before);
});

it("ids that are hostile are deleted, and no other task", async () => {
  const ids = ["..", "../../bob", "a b,c", "<script>", "\u202egnp", "*", "%2e%2e", "x".repeat(5000), "a:b"];
  const hostile = ids.map((id) => record("alice", id));
  here.root.writeStore([...TASKS, ...hostile]);
  const server = await here.serve("--no-cleanup");
  await server.run.says(/from the file to Redis/);
  const answer = await server.post("/voice-tasks/delete", { user_id: "alice", task_ids: ids.slice(0, 8) });
  expect(await answer.json()).toMatchObject({ requested: 8, deleted: 8 });
  const names = await server.post("/voice-tasks/delete", { task_ids: ["alice:a:b"] });
  expect(await names.json()).toMatchObject({ requested: 1, deleted: 1 });
  expect(inFile().filter((name) => !TASKS.some((task) => name === `${task.user_id}:${task.task_id}`))).toEqual([]);
  expect(inFile()).toHaveLength(TASKS.length);
});

it("other requests are answered during a change, another change waits for it, and dry runs don't", async () => {
  const server = await here.serve("--no-cleanup");
  await server.run.says(/from the file to Redis/);
  const lock = await new FileStore(here.root.store, RULES, systemClock).lock("run");
  const order: string[] = [];
  const noted = (name: string, answer: Promise<Response>) =>
    answer.then(async (response) => {
      order.push(name);
      return response.json();
    });
  const first = noted("first", server.post("/voice-tasks/delete", { task_ids: ["alice:t01"] }));
  const second = noted("second", server.post("/voice-tasks/mark", { task_ids: ["alice:t02"], to: "error" }));
  const third = noted("third", server.fetch("/voice-tasks/t03?user_id=alice", { method: "DELETE" }));
  await noted("plan", server.post("/voice-tasks/delete", { all: true, dry_run: true }));
  expect((await server.fetch("/voice-tasks")).status).toBe(200);
  expect(order).toEqual(["plan"]);
  await lock.release();
  expect(await first).toMatchObject({ deleted: 1 });
  expect(await second).toMatchObject({ marked: 1 });
  expect(await third).toMatchObject({ deleted: 1 });
});

describe("a large change", () => {
  const MANY = Array.from({ length: 5000 }, (_, i) => record("carol", `n${i}`, { text: "x".repeat(500) }));
  const left = () => here.root.readStore().length;
  const started = async (): Promise<Served> => {
    here.root.writeStore([...TASKS, ...MANY]);
    here.root.configure(here.server.port, "[audit]\npath = audit.jsonl\n");
    const server = await here.serve("--no-cleanup", {}, new FastClock());
    await server.run.says(/5005 tasks from the file to Redis/);
    return server;
  };
  const begun = () => here.root.has("audit.jsonl") && readFileSync(here.root.at("audit.jsonl"), "utf8").includes("n1");

  it("runs to its end if its client leaves", { timeout: 60_000 }, async () => {
    const server = await started();
    const wire = await Wire.open(server.port);
    wire.socket.write(posted("/voice-tasks/delete", '{"user_id": "carol"}'));
    await until(begun);
    wire.socket.destroy();
    await until(() => readFileSync(here.root.at("audit.jsonl"), "utf8").includes('"event":"end"'), 30);
    expect([left(), (await inRedis()).length]).toEqual([5, 5]);
  });

  it("ends between two batches with the server, and another run finishes it", { timeout: 60_000 }, async () => {
    const server = await started();
    const answer = server.post("/voice-tasks/delete", { user_id: "carol" }).catch(() => null);
    await until(begun);
    expect(await server.stop()).toBe(0);
    const response = await answer;
    if (response !== null && response.status !== 200) expect(await refusalOf(response)).toEqual([503, "INTERRUPTED"]);
    expect(left()).toBe((await inRedis()).length);
    await here.run("delete --user carol --yes");
    expect(left()).toBe(5);
  });
});

it("a deletion whose client left while it waited isn't made; counts are those after a change", async () => {
  const server = await here.serve("--no-cleanup");
  await server.run.says(/from the file to Redis/);
  const total = async (of = "") => ((await server.json(`/stats?disk=false${of}`)) as { total: number }).total;
  const totals = async () => [await total(), await total("&user_id=alice")];
  expect(await totals()).toEqual([5, 3]);
  const lock = await new FileStore(here.root.store, RULES, systemClock).lock("run");
  const first = server.post("/voice-tasks/delete", { task_ids: ["alice:t01"] });
  const wire = await Wire.open(server.port);
  wire.socket.write(request("DELETE /voice-tasks/t03?user_id=alice", {}));
  expect((await server.fetch("/healthz")).status).toBe(200); // by then the deletion waits
  wire.socket.destroy();
  await lock.release();
  expect(await (await first).json()).toMatchObject({ deleted: 1 });
  expect(await totals()).toEqual([4, 2]);
  const last = await server.post("/voice-tasks/delete", { task_ids: ["bob:t05"] });
  expect(await last.json()).toMatchObject({ deleted: 1 });
  expect(inFile()).toEqual(["alice:t02", "alice:t03", "bob:t04"]);
});
