import { readFileSync, rmSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { onTerminal } from "../helpers/pty.ts";
import { record } from "../helpers/records.ts";
import { lines, Running } from "../helpers/ttsctl.ts";
import { until } from "../helpers/until.ts";
import { usePlace } from "./setup.ts";

const here = usePlace();
const tasks = [record("alice", "t1"), record("=cmd", "t2", { error: "@x", status: "FAILED" }), record("bob", "t3")];
const later = (task: object) => ({ ...task, updated_at: "2021-01-01T00:00:00" });

describe("import", () => {
  it.each(["jsonl", "json", "csv"])("imports the output of export -o %s into both stores", async (format) => {
    here.root.writeStore(tasks);
    const before = here.root.storeText();
    await here.run(`export -o ${format} --to backup`);
    here.root.write("voice_task.json", "[]", 1_600_000_000);
    const run = await here.run("import backup");
    const stderr = "warning: past their retention, so the next cleanup may purge them: 3 tasks\n";
    expect(run).toMatchObject({ code: 0, stderr });
    expect(run.stdout).toBe("3 records: 3 added, 0 replaced, 0 identical, 0 kept from the file\n");
    expect(here.root.storeText()).toBe(before);
    expect(await here.server.call("ZCARD", "tts:tasks:index")).toBe(3);
    expect((await here.server.hash("tts:task:bob:t3")).payload).toBe(JSON.stringify(tasks[2]));
    expect(await here.run("import backup")).toMatchObject({ code: 0, stderr: "" }); // nothing goes in
  });

  it("exits 3 if lines were left out, or ids not found, and 1 with bad lines", async () => {
    here.root.write("in", `${JSON.stringify(tasks[0])}\nnonsense\n`);
    expect((await here.run("import in")).code).toBe(1);
    expect((await here.run("import in --skip-invalid")).code).toBe(3);
    here.root.write("in", `${JSON.stringify(tasks[0])}\n`);
    expect((await here.run("import in --user alice --ids t1,t9")).code).toBe(3);
  });

  it("exits 3 if the service changed a record while it asked, and keeps that one", async () => {
    const theirs = [{ ...later(tasks[0]!), text: "theirs" }, ...tasks.slice(1)] as typeof tasks;
    here.root.writeStore(tasks);
    here.root.write("in", JSON.stringify([later(tasks[0]!), record("bob", "new")]));
    const run = onTerminal(["import", "in"], here.root.path);
    await run.says(/Replace 1 task in the store file\? \[y\/N\]/);
    here.root.writeStore(theirs);
    run.type("y\r");
    expect(await run.end()).toBe(3);
    expect(here.root.readStore()).toEqual([...theirs, record("bob", "new")]);
  });

  it("takes back a purge from its backup, also from stdin, and leaves a line of each in the ledger", async () => {
    here.root.configure(here.server.port, "[audit]\npath = audit.jsonl\n");
    await here.synced(...tasks);
    await here.run("cleanup --once --backup purged.jsonl");
    expect(here.root.readStore()).toEqual([]);
    const input = readFileSync(here.root.at("purged.jsonl"), "utf8");
    expect(await here.json("import -", { input })).toMatchObject({ added: 3, exit: 0 });
    expect(here.root.readStore()).toEqual(tasks);
    const ledger = lines(readFileSync(here.root.at("audit.jsonl"), "utf8")).map((line) => JSON.parse(line));
    const ids = tasks.map(({ user_id, task_id }) => ({ user_id, task_id }));
    expect(ledger.slice(-3)).toMatchObject([
      { event: "begin" },
      { event: "tasks", action: "import", reason: "added", tasks: ids },
      { event: "end", exitCode: 0, result: { added: 3 } },
    ]);
  });
});

it("names two ways to import into a lost file beside other tasks in Redis, and both work", async () => {
  const others = Array.from({ length: 5 }, (_, i) => record("bob", `o${i}`));
  here.root.write("in", JSON.stringify([record("alice", "t1")]));
  for (const [way, hinted, count] of [
    [["verify --repair --restore", "import in"], "verify --repair --restore", 6],
    [["import in --no-redis", "sync --allow-mismatch", "import in"], "--no-redis", 1],
  ] as const) {
    await here.mirrored(...others);
    rmSync(here.root.store, { force: true });
    const { code, error, hint } = await here.json("import in");
    expect([code, error, hint]).toEqual([
      "STORE_MISMATCH",
      ...["is missing", hinted].map((text) => expect.stringContaining(text)),
    ]);
    for (const line of way) expect([line, (await here.run(line)).code]).toEqual([line, 0]);
    expect(here.root.readStore()).toHaveLength(count);
    await here.server.call("FLUSHALL");
  }
});

const many = Array.from({ length: 6000 }, (_, i) => record(`user${i % 5}`, `t${i}`));

it("an import that is stopped by SIGKILL before the file is rewritten leaves all of a file or none, and is finished by the next", async () => {
  here.root.writeStore(many.slice(0, 3000));
  here.root.write("in", many.map((task) => `${JSON.stringify(task)}\n`).join(""));
  const first = new Running(["import", "in"], { cwd: here.root.path });
  await until(async () => first.hasEnded || here.root.has(".voice_task.json.ttsctl"));
  await first.stop();
  expect([3000, 6000]).toContain(here.root.readStore().length);
  const next = await here.json("import in");
  expect([next.exit, next.added + next.identical]).toEqual([0, 6000]);
  expect(here.root.storeText()).toBe(JSON.stringify(many, null, 2));
  expect(await here.server.call("ZCARD", "tts:tasks:index")).toBe(6000);
  expect(Object.keys(here.root.tree())).toEqual(["config.ini", "in", "voice_task.json"]);
});
