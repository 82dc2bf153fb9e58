import { describe, expect, it } from "vitest";
import { invoke } from "../cli/invoke.ts";
import { ago, record } from "../helpers/records.ts";
import { lines } from "../helpers/ttsctl.ts";
import { usePlace } from "./setup.ts";

const here = usePlace();
const SOURCES = ["redis", "file"] as const;
const DAY = 86_400;

const json = async (args: readonly string[], options = {}) => {
  const run = await here.runArgs([...args, "-o", "json"], options);
  return { ...JSON.parse(run.stdout || run.stderr), exit: run.code, said: run.stderr };
};
const names = (page: { items: { user_id: string; task_id: string }[] }) =>
  page.items.map(({ user_id, task_id }) => `${user_id}:${task_id}`);
const fill = async (...records: ReturnType<typeof record>[]) => {
  here.root.writeStore(records);
  expect((await here.run("sync")).code).toBe(0);
};

describe("--stuck", () => {
  const tasks = () => [
    ...[
      record("alice", "run", { status: "running" }),
      record("bob", "wait", { status: "queued", updated_at: ago(2 * DAY) }),
    ],
    ...[
      record("bob", "new", { status: "queued", updated_at: ago(60) }),
      record("bob", "done"),
      record("bob", "odd", { status: "odd" }),
    ],
  ];

  it.each(SOURCES)("lists tasks that have waited or run for too long, from %s", async (source) => {
    await fill(...tasks());
    const list = (...more: string[]) => json(["list", "--stuck", "--source", source, ...more]);
    expect(names(await list())).toEqual(["bob:wait", "alice:run"]);
    expect(names(await list("-s", "wait,done"))).toEqual(["bob:wait"]);
    expect(names(await list("--until", "3d"))).toEqual(["alice:run"]);
    expect(names(await list("-u", "bob", "--limit", "all"))).toEqual(["bob:wait"]);
    const hours = { env: { TTSCTL_STUCK_AFTER: "3d" } };
    expect(names(await json(["list", "--stuck", "--source", source], hours))).toEqual(["alice:run"]);
    expect(names(await json(["query", '{"stuck": true, "user_id": "alice"}']))).toEqual(["alice:run"]);
    expect(names(await json(["query", '{"stuck": false}']))).toHaveLength(5);
  });

  it.each([
    ["list --stuck -s done", {}, /done is never stuck/],
    ["list --stuck", { TTSCTL_STUCK_AFTER: "0" }, /stuck tasks aren't detected/],
    ["delete --stuck --all --yes", {}, /--all can't be used with a selection/],
    ["list --stuck --exit-status --watch", {}, /--exit-status has no effect with --watch/],
    ["list --since 2026-11-01T08:00.5", {}, /--since/],
    ["list --stuck alice", {}, /too many arguments.*see ttsctl list --help/],
    ["list --stuck --interval 5", {}, /--interval has no effect without --watch/],
    ["list --stuck --watch 5", {}, /--interval sets the seconds/],
  ])("%s is wrong usage", async (line, env, message) => {
    await fill(...tasks());
    expect(await here.run(line, { env })).toMatchObject({
      code: 2,
      stdout: "",
      stderr: expect.stringMatching(message),
    });
  });
});

it("--exit-status is 3 if a task matches", async () => {
  await fill(record("alice", "t1"), record("alice", "t2"));
  for (const [flags, code] of [
    ["-s done", 3],
    ["-s error", 0],
    ["-s done --page 9", 3],
    ["-s done --limit all -o ids", 3],
    ["-s error --limit all", 0],
    ["--ids alice:t1", 3],
  ] as const) {
    expect([flags, (await here.run(`list --exit-status ${flags}`)).code]).toEqual([flags, code]);
    expect((await here.run(`list ${flags}`)).code).toBe(0);
  }
});

describe("--sort", () => {
  const at = (user: string, task: string, created: number, updated: number) =>
    record(user, task, { created_at: ago(created), updated_at: ago(updated) });

  it("sorts more tasks than a page has, each once", async () => {
    const many = Array.from({ length: 2500 }, (_, i) => at(`u${i % 7}`, `t${i}`, (i * 7919) % 2500, i));
    await fill(...many);
    const ids = (line: string) => here.run(line).then(({ stdout }) => lines(stdout));
    for (const sort of ["created", "user", "task"]) {
      const [redis, file] = await Promise.all(
        SOURCES.map((source) => ids(`list --limit all -o ids --sort ${sort} --source ${source}`)),
      );
      expect(redis).toEqual(file);
      expect(new Set(redis).size).toBe(2500);
    }
    expect((await ids("list --limit 1200 --sort task -o ids")).slice(0, 3)).toEqual(["u0:t0", "u1:t1", "u3:t10"]);
  });
});

describe("--search", () => {
  it.each(SOURCES)("finds a text in any case in text, error and ids, from %s", async (source) => {
    await fill(
      ...[
        record("alice", "t1", { text: "The Quick FOX", updated_at: ago(5) }),
        record("alice", "Fox-2", { updated_at: ago(6) }),
      ],
      ...[
        record("fOxy", "t3", { updated_at: ago(7) }),
        record("bob", "t4", { error: "no fox", status: "failed", updated_at: ago(8) }),
      ],
      ...[record("bob", "t5", { note: "fox" }), record("bob", "t6", { text: ["fox"] })],
    );
    const list = (...more: string[]) => json(["list", "--source", source, ...more]);
    const found = await list("--search", "fox");
    expect(found).toMatchObject({ total: 5, source, exit: 0 });
    expect(found).not.toHaveProperty("stopped");
    expect(names(found)).toEqual(["alice:t1", "alice:Fox-2", "fOxy:t3", "bob:t4", "bob:t6"]);
    expect(names(await list("--search", "FOX", "-u", "alice", "-n", "1", "-p", "2"))).toEqual(["alice:Fox-2"]);
    expect(names(await list("--search", "fox", "-s", "error", "--limit", "all"))).toEqual(["bob:t4"]);
    expect(names(await list("--search", "fox", "--sort", "task"))).toEqual([
      "alice:Fox-2",
      "alice:t1",
      "fOxy:t3",
      "bob:t4",
      "bob:t6",
    ]);
    expect(names(await list("--search", "fox", "--ids", "bob:t5,bob:t4"))).toEqual(["bob:t4"]);
    expect(names(await list("--search", ".*"))).toEqual([]);
    expect(names(await json(["query", '{"search": "quick f"}']))).toEqual(["alice:t1"]);
    expect((await here.runArgs(["list", "--search", "nix"])).stderr).toContain("(of 6 tasks)");
    expect((await here.runArgs(["list", "--search", ""])).code).toBe(2);
  });
});

it("a narrow screen cuts no id", async () => {
  const [user, task] = ["1d0c2f5e-9c64-4c43-a9ee-1f0e7fd0d1aa", "52a6b8b0-2f34-4d2b-8f0c-cc7f5f0ce7b1"];
  await fill(record(user, task, { error: "e".repeat(80), text: "t".repeat(80) }));
  for (const format of ["table", "wide"]) {
    const argv = ["list", "-o", format, "--no-pager"];
    const { stdout } = await invoke(argv, { cwd: here.root.path, terminal: { columns: 80 } });
    expect(stdout).toContain(`${user}  ${task}`);
  }
});

it("from Redis warns once of a file that is cut off", async () => {
  await fill(record("alice", "t1"), record("alice", "t2"));
  const text = here.root.storeText();
  const map = JSON.stringify({ "alice:t1": record("alice", "t1") }, null, 2);
  for (const [content, warns] of [
    ...([
      [text, false],
      [text.slice(0, -9), true],
      [`${text}\n\n`, false],
      [map, false],
    ] as const),
    ...([
      [map.slice(0, -1), true],
      [`${JSON.stringify(record("alice", "t1"))}\n{"user`, false],
      ["", false],
    ] as const),
  ]) {
    here.root.write("voice_task.json", content);
    for (const line of ["list", "list --limit all"]) {
      const { code, stderr } = await here.run(line);
      expect([content, code, stderr.match(/warning: .* is cut off/g)?.length ?? 0]).toEqual([
        content,
        0,
        warns ? 1 : 0,
      ]);
    }
  }
});
