import { expect, it } from "vitest";
import { onTerminal } from "../helpers/pty.ts";
import { ago, record } from "../helpers/records.ts";
import { lines } from "../helpers/ttsctl.ts";
import { usePlace } from "./setup.ts";

const here = usePlace();
const DAY = 86_400;
const running = (user: string, task: string, age: number) =>
  record(user, task, { status: "running", updated_at: ago(age) });

const fill = () => here.synced(running("alice", "young", 60), running("bob", "stuck", 3 * DAY), record("bob", "old"));

it("ends stuck tasks, which a cleanup then treats as finished", async () => {
  await fill();
  const said = /1 task is stuck: bob:stuck .* has it: ttsctl (mark .*)\n/;
  const [, command] = said.exec((await here.run("cleanup --once --dry-run")).stderr)!;
  expect((await here.run("stats")).stdout).toContain(`; ttsctl ${command}\n`);
  const run = await here.run(`${command} --error 工作进程死了 --yes`);
  expect(run).toMatchObject({ code: 0, stderr: "" });
  expect(lines(run.stdout)).toEqual([
    "[MARK] user=bob task=stuck from=run to=error local=yes redis=yes",
    "1 of 1 chosen task marked as error",
  ]);
  expect(here.root.readStore()[1]).toMatchObject({ status: "error", error: "工作进程死了" });
  expect(await here.json("cleanup --once --dry-run")).not.toHaveProperty("stuck");
  expect((await here.run("sync")).stdout).toContain("0 written, 3 unchanged");
});

it("prints the documented object, and its lines on stderr, with -o json", async () => {
  await fill();
  const args = "mark --user bob --ids stuck,none --to failed --yes -o json";
  const dry = JSON.parse((await here.run(`${args} --dry-run`)).stdout);
  const run = await here.run(args);
  expect(run.code).toBe(3);
  const result = JSON.parse(run.stdout);
  const counts = { requested: 2, marked: 1, unchanged: 0, missing: ["none"], refused: [], failed: 0, returned: 0 };
  expect(result).toEqual({ ...counts, dryRun: false });
  expect(dry).toEqual({ ...counts, dryRun: true, byStatus: { run: 1 } });
  expect(lines(run.stderr)).toEqual(["[MARK] user=bob task=stuck from=run to=error local=yes redis=yes"]);
  expect(here.root.readStore()[1]!.status).toBe("failed");
});

it.each(["mark --all --to done", "delete --all --force", "cleanup --once"])(
  "%s --summary and -q name no task",
  async (line) => {
    await fill();
    const dry = `${line} --dry-run`;
    expect((await here.run(dry)).stdout).toContain("task=");
    for (const flag of ["--summary", "-q"]) expect((await here.run(`${dry} ${flag}`)).stdout).not.toContain("task=");
  },
);

it("backs up each record as it was, also one of Redis only, and import takes them back", async () => {
  await fill();
  await here.mirrored(running("zoe", "lost", DAY), running("zoe", "ahead", -DAY));
  const before = here.root.readStore();
  expect((await here.run("mark --all --to error --backup b.jsonl --dry-run")).code).toBe(0);
  expect(here.root.tree()).not.toHaveProperty("b.jsonl");
  const run = await here.run("mark --status run --to error --error x --yes --backup b.jsonl");
  expect(run).toMatchObject({ code: 3, stderr: expect.stringMatching(/^warning: zoe:ahead .* ahead of this .*\n$/) });
  const kept = lines(here.root.tree()["b.jsonl"]!).map((line) => JSON.parse(line));
  expect(kept.slice(0, 2)).toEqual(before.slice(0, 2));
  expect(kept[2]).toMatchObject({ user_id: "zoe", task_id: "lost", status: "running" });
  expect(kept).toHaveLength(3);
  expect((await here.run("import b.jsonl --merge replace --yes")).stderr).not.toContain("invalid");
  expect(here.root.readStore().slice(0, 3)).toEqual(before);
});

it("works on the file and exits 3 without Redis", async () => {
  await fill();
  const run = await here.json("mark --all --to error --yes", { env: { REDIS_PORT: "1" } });
  expect(run).toMatchObject({ exit: 3, marked: 3, failed: 0, said: expect.stringContaining("ttsctl sync") });
  expect((await here.run("mark --all --to done --yes --no-redis")).code).toBe(0);
});

it("asks on a terminal with the first tasks and the counts by status", async () => {
  await fill();
  const run = onTerminal("mark --all --to error".split(" "), here.root.path);
  await run.says(/alice:young \(run\)[\s\S]*in all 3: 2 run, 1 done[\s\S]*Mark 3 tasks as error\? \[y\/N\]/);
  run.type("yesterday\r");
  expect(await run.end()).toBe(1);
  expect(run.text).toContain("declined: nothing was marked");
  expect(here.root.readStore()[0]!.status).toBe("running");
});
