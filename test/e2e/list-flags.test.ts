import { execFileSync } from "node:child_process";
import { expect, it } from "vitest";
import { invoke } from "../cli/invoke.ts";
import { ago, record } from "../helpers/records.ts";
import { lines } from "../helpers/ttsctl.ts";
import { namesOf, usePlace } from "./setup.ts";

const here = usePlace();
const SOURCES = ["redis", "file"] as const;
const DAY = 86_400;
const listed = async (...args: string[]) => namesOf((await here.json(args)).items);

const TASKS = [
  record("alice", "run", { status: "running" }),
  record("bob", "wait", { status: "queued", updated_at: ago(2 * DAY) }),
  record("bob", "new", { status: "queued", updated_at: ago(60) }),
  ...[record("bob", "done"), record("bob", "odd", { status: "odd" })],
];

it.each(SOURCES)("--stuck lists tasks that have waited or run for too long, from %s", async (source) => {
  await here.synced(...TASKS);
  const stuck = (...more: string[]) => listed("list", "--stuck", "--source", source, ...more);
  expect(await stuck()).toEqual(["bob:wait", "alice:run"]);
  expect(await stuck("-s", "wait,done")).toEqual(["bob:wait"]);
  expect(await stuck("--until", "3d")).toEqual(["alice:run"]);
  expect(await stuck("-u", "bob", "--limit", "all")).toEqual(["bob:wait"]);
  const { items } = await here.json(`list --stuck --source ${source}`, { env: { TTSCTL_STUCK_AFTER: "3d" } });
  expect(namesOf(items)).toEqual(["alice:run"]);
  expect(await listed("query", '{"stuck": true, "user_id": "alice"}')).toEqual(["alice:run"]);
  expect(await listed("query", '{"stuck": false}')).toHaveLength(5);
});

it("--exit-status is 3 if a task matches", async () => {
  await here.synced(record("alice", "t1"), record("alice", "t2"));
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

it("--sort sorts more tasks than a page has, each once", async () => {
  const times = (i: number) => ({ created_at: ago((i * 7919) % 2500), updated_at: ago(i) });
  await here.synced(...Array.from({ length: 2500 }, (_, i) => record(`u${i % 7}`, `t${i}`, times(i))));
  const ids = async (line: string) => lines((await here.run(`list -o ids ${line}`)).stdout);
  for (const sort of ["created", "user", "task"]) {
    const [redis, file] = await Promise.all(
      SOURCES.map((source) => ids(`--limit all --sort ${sort} --source ${source}`)),
    );
    expect(redis).toEqual(file);
    expect(new Set(redis).size).toBe(2500);
  }
  expect((await ids("--limit 1200 --sort task")).slice(0, 3)).toEqual(["u0:t0", "u1:t1", "u3:t10"]);
  expect((await here.run("list -o ids")).stderr).toBe("warning: 20 of 2500 tasks; --limit all prints them all\n");
});

it.each(SOURCES)("--search finds a text in any case in text, error and ids, from %s", async (source) => {
  await here.synced(
    record("alice", "t1", { text: "The Quick FOX", updated_at: ago(5) }),
    record("alice", "Fox-2", { updated_at: ago(6) }),
    record("fOxy", "t3", { updated_at: ago(7) }),
    record("bob", "t4", { error: "no fox", status: "failed", updated_at: ago(8) }),
    ...[record("bob", "t5", { note: "fox" }), record("bob", "t6", { text: ["fox"] })],
  );
  const found = (...more: string[]) => listed("list", "--source", source, "--search", ...more);
  const page = await here.json(`list --source ${source} --search fox`);
  expect(page).toMatchObject({ total: 5, source, exit: 0 });
  expect(page).not.toHaveProperty("stopped");
  expect(namesOf(page.items)).toEqual(["alice:t1", "alice:Fox-2", "fOxy:t3", "bob:t4", "bob:t6"]);
  expect(await found("FOX", "-u", "alice", "-n", "1", "-p", "2")).toEqual(["alice:Fox-2"]);
  expect(await found("fox", "-s", "error", "--limit", "all")).toEqual(["bob:t4"]);
  expect((await found("fox", "--sort", "task")).slice(0, 2)).toEqual(["alice:Fox-2", "alice:t1"]);
  expect(await found("fox", "--ids", "bob:t5,bob:t4")).toEqual(["bob:t4"]);
  expect(await found(".*")).toEqual([]);
  expect(await listed("query", '{"search": "quick f"}')).toEqual(["alice:t1"]);
  expect((await here.runArgs(["list", "--search", ""])).code).toBe(2);
});

it("a narrow screen cuts no id", async () => {
  const [user, task] = ["1d0c2f5e-9c64-4c43-a9ee-1f0e7fd0d1aa", "52a6b8b0-2f34-4d2b-8f0c-cc7f5f0ce7b1"];
  await here.synced(record(user, task, { error: "e".repeat(80), text: "t".repeat(80) }));
  for (const format of ["table", "wide"]) {
    const argv = ["list", "-o", format, "--no-pager"];
    const { stdout } = await invoke(argv, { cwd: here.root.path, terminal: { columns: 80 } });
    expect(stdout).toContain(`${user}  ${task}`);
  }
});

const IRREGULAR = /^warning: reading only from Redis: .* is not a regular file/;

it.each([
  ["that is a directory", "rm voice_task.json; mkdir voice_task.json", "", IRREGULAR],
  ["that is a named pipe", "rm voice_task.json; mkfifo voice_task.json", "", IRREGULAR],
  ["whose reads fail", "true", " --store /proc/self/mem", /^warning: reading only from Redis: cannot read .*EIO/s],
  ["that is missing", "rm voice_task.json", "", /does not exist/],
])("from Redis lists beside a store file %s, with a warning", async (_, make, flags, said) => {
  await here.synced(record("alice", "t1"));
  execFileSync("sh", ["-c", make], { cwd: here.root.path });
  const answer = { total: 1, source: "redis", exit: 0, said: expect.stringMatching(said) };
  expect(await here.json(`list${flags}`)).toMatchObject(answer);
});

it("from Redis warns once of a file that is empty or cut off", async () => {
  const one = record("alice", "t1");
  await here.synced(one, record("alice", "t2"));
  const text = here.root.storeText();
  const map = JSON.stringify({ "alice:t1": one }, null, 2);
  const whole = [text, `${text}\n\n`, map, `${JSON.stringify(one)}\n{"user`];
  for (const content of [...whole, text.slice(0, -9), map.slice(0, -1), "", "\0\0\0", "garbage"]) {
    here.root.write("voice_task.json", content);
    for (const line of ["list", "list --limit all"]) {
      const { code, stderr } = await here.run(line);
      const warnings = stderr.match(/warning: .* is empty or damaged/g) ?? [];
      expect([content, code, warnings.length]).toEqual([content, 0, whole.includes(content) ? 0 : 1]);
    }
  }
});
