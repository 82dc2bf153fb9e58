import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { cleanEnv } from "../helpers/clean-env.ts";
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
    expect((await here.run(`list --ids no:one --source ${source}`)).stderr).toContain("none of them with --ids");
  });

  it("are exported, marked, deleted and imported", async () => {
    await fill();
    const exported = await here.run("export --ids bob:t1,alice:t2,bob:t7");
    expect(namesOf(lines(exported.stdout).map((line) => JSON.parse(line)))).toEqual(["bob:t1", "alice:t2"]);
    expect(exported).toMatchObject({ code: 3, stderr: expect.stringContaining('"bob:t7"') });
    here.root.write("some.jsonl", exported.stdout);
    expect(await json("mark --ids alice:t1,bob:none --status failed --yes")).toMatchObject({
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

  it.each([
    ["list --ids t1", /"t1" has neither a user nor a colon/],
    ["list --ids alice:t1,t2", /"t2" has neither/],
    ["delete --ids :t1 --yes", /":t1" has neither/],
    ["delete --ids alice: --yes", /"alice:" has neither/],
    ["mark --ids t1 --status failed --yes", /"t1" has neither/],
    ["export --ids t1", /"t1" has neither/],
    ["import some.jsonl --ids t1", /"t1" has neither/],
    ["delete -u alice -u bob --ids t1 --yes", /one --user, not 2/],
  ])("%s is wrong usage", async (line, message) => {
    await fill();
    const run = await here.run(line);
    expect(run).toMatchObject({ code: 2, stdout: "", stderr: expect.stringMatching(message) });
    expect(run.stderr).toContain("user:task");
    expect(stored()).toHaveLength(4);
  });

  it("need their user in a query", async () => {
    await fill();
    const run = await here.runArgs(["query", '{"task_ids": ["alice:t1"]}']);
    expect(run).toMatchObject({ code: 2, stderr: expect.stringContaining('"task_ids" needs "user_id"') });
    const named = await here.runArgs(["query", '{"user_id": "bob", "task_ids": ["a:b", "bob:t1"]}', "-o", "json"]);
    expect(JSON.parse(named.stdout)).toMatchObject({ total: 1, missing: ["bob:t1"] });
  });

  it("are got by one argument, and before a task whose id is that", async () => {
    await fill();
    expect(await json("get alice:t1")).toMatchObject({ item: { user_id: "alice", task_id: "t1" }, exit: 0 });
    expect(await json("get bob:a:b")).toMatchObject({ item: { user_id: "bob", task_id: "a:b" } });
    expect(await json("get a:b")).toMatchObject({ item: { user_id: "bob", task_id: "a:b" } });
    here.root.writeStore([...(here.root.readStore() as never[]), record("a", "b"), record("bob", "x:y")] as never);
    expect(await json("get a:b")).toMatchObject({ item: { user_id: "a", task_id: "b" } });
    expect(await json("get x:y --source redis")).toMatchObject({ item: null, exit: 3 });
    expect((await here.run("get alice:t7")).stderr).toContain('of "alice", none of them "t7"');
    expect((await here.run("get")).stderr).toContain("ttsctl get alice:t01");
  });

  it("names the command for each task that a lone id means, which a shell takes", async () => {
    const users = ["it's", "-x", "a b", "\u001b[2J\u202e", "plain"];
    here.root.writeStore(users.map((user) => record(user, "t 1")));
    const { code, stderr } = await here.runArgs(["get", "t 1"]);
    expect(code).toBe(2);
    expect(stderr).not.toMatch(/[\u001b\u202e]/);
    const commands = /name the user too: (.*)\)\n$/.exec(stderr)![1]!.split("; ");
    const script = commands.map((command) => command.replace(/^ttsctl get( --)?/, "printf '%s|'")).join("; ");
    const told = spawnSync("bash", ["--norc"], {
      input: script,
      encoding: "utf8",
      env: cleanEnv({ LC_ALL: "C.UTF-8" }),
    });
    const read = told.stdout.split("|").slice(0, -1);
    expect(read.filter((word) => word !== "t 1").sort()).toEqual([...users].sort());
    expect((await here.runArgs(["get", "--", "-x", "t 1"])).code).toBe(0);
  });
});

describe("in a layout whose ids may have colons", () => {
  const plain = [record("a", "b:c"), record("x:y", "z"), record("u", "t1"), record("u:v", "w:k")];
  const fill = async (more: readonly ReturnType<typeof record>[] = []) => {
    here.root.write("config.ini", `${here.root.tree()["config.ini"]}`.replace("[redis]", "[redis]\nlayout = api_ms"));
    here.root.writeStore([...plain, ...more].map((one) => ({ ...one, updated_at: 1_600_000_000, created_at: 1 })));
    expect((await here.run("sync")).code).toBe(0);
  };

  it("a name is the task that exists, or a lone id", async () => {
    await fill();
    for (const source of ["auto", "redis", "file"]) {
      const page = await json(`list --ids u:v:w:k,a:b:c,t1,b:c,x:y:z,x:z --source ${source}`);
      expect(namesOf(page.items)).toEqual(["u:v:w:k", "a:b:c", "u:t1", "x:y:z"]);
      expect(page).toMatchObject({ missing: ["x:z"], exit: 3 });
    }
    expect(await json("get x:y:z")).toMatchObject({ item: { user_id: "x:y", task_id: "z" } });
    expect((await here.run("export --ids a:b:c --to out.jsonl")).code).toBe(0);
    expect(await json("delete --ids a:b:c,t1,none:t --yes")).toMatchObject({
      ...{ requested: 3, deleted: 2, missing: ["none:t"] },
    });
    expect(await json("import out.jsonl --ids a:b:c,x:y:z")).toMatchObject({ added: 1, missing: ["x:y:z"] });
    expect(stored()).toEqual(["a:b:c", "u:v:w:k", "x:y:z"]);
  });

  it("a name of two tasks is refused, with how to choose", async () => {
    await fill([record("a:b", "c")]);
    for (const line of ["list --ids a:b:c", "delete --ids t1,a:b:c --yes", "get a:b:c"]) {
      const { error, hint, exit } = await json(line);
      expect([exit, error]).toEqual([2, expect.stringMatching(/^2 users have a task "a:b:c"/)]);
      expect(hint).toMatch(line.startsWith("get") ? /ttsctl get a:b c/ : /--user a:b --ids c/);
    }
    expect(await json("delete --user a:b --ids c --yes")).toMatchObject({ deleted: 1 });
  });

  it("a name of a thousand colons is looked up too", async () => {
    await fill();
    expect(await json(`list --ids ${":".repeat(1000)},t1`)).toMatchObject({ total: 1, exit: 3 });
  });
});
