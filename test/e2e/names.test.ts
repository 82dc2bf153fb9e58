import { describe, expect, it } from "vitest";
import { record } from "../helpers/records.ts";
import { lines } from "../helpers/ttsctl.ts";
import { usePlace } from "./setup.ts";

const here = usePlace();
const failed = { status: "failed", error: "no voice" };

const json = async (line: string) => {
  const run = await here.run(`${line} -o json`);
  return { ...JSON.parse(run.stdout || run.stderr), exit: run.code };
};
const namesOf = (items: { user_id: string; task_id: string }[]) =>
  items.map(({ user_id, task_id }) => `${user_id}:${task_id}`);
const stored = () => namesOf(here.root.readStore() as never).sort();

describe("tasks as they are printed, user:task", () => {
  const fill = () => {
    here.root.writeStore([
      ...[record("alice", "t1"), record("alice", "t2", failed)],
      ...[record("bob", "t1"), record("bob", "a:b", failed)],
    ]);
    return here.run("sync");
  };

  it.each(["auto", "redis", "file"])("are listed in the order asked, from %s", async (source) => {
    await fill();
    const page = await json(`list --ids bob:t1,alice:t9,bob:a:b,,alice:t1,bob:t1 --source ${source}`);
    expect(namesOf(page.items)).toEqual(["bob:t1", "bob:a:b", "alice:t1"]);
    expect(page).toMatchObject({ total: 3, page: 1, pageSize: 3, missing: ["alice:t9"], exit: 3 });
    const errors = await json(`list -i bob:t1 -i bob:a:b,no:one --status error --source ${source}`);
    expect([namesOf(errors.items), errors.missing]).toEqual([["bob:a:b"], ["no:one"]]);
    expect((await here.run(`list --ids no:one --source ${source}`)).stderr).toMatch(/no(ne|.task) matches --ids/);
  });

  it("are exported, marked, deleted and imported", async () => {
    await fill();
    const exported = await here.run("export --ids bob:t1,alice:t2,bob:t7");
    expect(namesOf(lines(exported.stdout).map((line) => JSON.parse(line)))).toEqual(["bob:t1", "alice:t2"]);
    expect(exported).toMatchObject({ code: 3, stderr: expect.stringContaining('"bob:t7"') });
    here.root.write("some.jsonl", exported.stdout);
    expect(await json("mark --ids alice:t1,bob:none --to failed --yes")).toMatchObject({
      ...{ requested: 2, marked: 1, missing: ["bob:none"], exit: 3 },
    });
    expect(await json("delete --ids bob:t1,alice:t2,carol:t1 --yes")).toMatchObject({
      ...{ requested: 3, deleted: 2, missing: ["carol:t1"], exit: 3 },
    });
    expect(stored()).toEqual(["alice:t1", "bob:a:b"]);
    expect(await here.server.call("ZRANGE", "tts:tasks:index", "0", "-1")).toEqual(["bob:a:b", "alice:t1"]);
    expect(await json("import some.jsonl --ids alice:t2,bob:t8")).toMatchObject({
      ...{ records: 1, added: 1, missing: ["bob:t8"], exit: 3 },
    });
    expect(stored()).toEqual(["alice:t1", "alice:t2", "bob:a:b"]);
  });

  it("are got by one argument, and before a task whose id is that", async () => {
    await fill();
    expect(await json("get alice:t1")).toMatchObject({ item: { user_id: "alice", task_id: "t1" }, exit: 0 });
    expect(await json("get bob:a:b")).toMatchObject({ item: { user_id: "bob", task_id: "a:b" } });
    expect(await json("get a:b")).toMatchObject({ item: { user_id: "bob", task_id: "a:b" } });
    here.root.writeStore([...(here.root.readStore() as never[]), record("a", "b"), record("bob", "x:y")] as never);
    expect(await json("get a:b")).toMatchObject({ item: { user_id: "a", task_id: "b" } });
    expect(await json("get x:y --source redis")).toMatchObject({ item: null, exit: 3 });
    expect((await here.run("get alice:t7")).stderr).toContain('"alice" has 2 tasks, but no "t7"');
    expect((await here.run("get")).stderr).toContain("ttsctl get alice:t01");
  });
});

describe("-o ids, and --ids -", () => {
  const HOSTILE = [
    "a b",
    "x,y",
    '"quoted"',
    "[list]",
    "-",
    "line\nbreak",
    "\u001b[2J",
    "\u202eright",
    "p\u2028q",
    "词 语",
    "'",
  ];
  const fill = async () => {
    here.root.writeStore([
      ...HOSTILE.map((id) => record(`user ${id}`, id, failed)),
      ...[record("alice", "t1"), record("user x,y", "done")],
    ]);
    await here.run("sync");
  };

  it.each(["redis", "file"])("what list prints from %s, delete takes back", async (source) => {
    await fill();
    const run = await here.run(`list -s error -o ids --source ${source}`);
    expect(run).toMatchObject({ code: 0, stderr: "" });
    expect(lines(run.stdout)).toHaveLength(HOSTILE.length);
    expect(run.stdout).toContain("user a b:a b\n");
    for (const char of "\u001b\u202e\u2028") expect(run.stdout).not.toContain(char);
    const listed = await here.run("list --ids - -o ids", { input: run.stdout });
    expect(listed).toMatchObject({ code: 0, stdout: run.stdout });
    const dry = await here.run("delete --ids - --dry-run -o json", { input: run.stdout });
    expect(JSON.parse(dry.stdout)).toMatchObject({ requested: HOSTILE.length, deleted: HOSTILE.length });
    expect((await here.run("delete --ids -", { input: run.stdout })).code).toBe(2); // nobody can be asked
    const done = await here.run("delete --ids - --yes -o json", { input: run.stdout });
    expect(JSON.parse(done.stdout)).toMatchObject({ requested: HOSTILE.length, deleted: HOSTILE.length, missing: [] });
    expect(stored()).toEqual(["alice:t1", "user x,y:done"]);
  });

  it("no id is no task, not all of them", async () => {
    await fill();
    const before = stored();
    for (const input of ["", "\n \n", "[]"]) {
      const run = await here.run("delete --ids - --yes -o json", { input });
      expect(run).toMatchObject({ code: 0, stderr: "" });
      expect(JSON.parse(run.stdout)).toMatchObject({ requested: 0, deleted: 0 });
      expect(await here.run("list --ids - -o ids", { input })).toMatchObject({ code: 0, stdout: "" });
    }
    expect(await here.runArgs(["delete", "--ids", "", "--yes"])).toMatchObject({ code: 2 });
    expect(stored()).toEqual(before);
  });
});

it.each(["sync", "verify", "export", "delete --yes", "mark --to error --yes"])(
  "%s says that a mistyped user has no task",
  async (line) => {
    here.root.writeStore([record("alice", "t1")]);
    await here.run("sync");
    const run = await here.run(`${line} --user alcie`);
    expect(run.stderr).toContain('warning: no task of user "alcie" among 1 task; did you mean "alice"?');
    expect(
      (await here.run(`${line} --user alice --dry-run`.replace(/(verify|export)(.*) --dry-run/, "$1$2"))).stderr,
    ).not.toContain("did you mean");
  },
);

it("a list of users in one --user is explained", async () => {
  here.root.writeStore([record("alice", "t1"), record("bob", "t2")]);
  expect((await here.run("list --user alice,bob")).stderr).toContain("give --user once for each");
});
