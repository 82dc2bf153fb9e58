import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { COLUMNS } from "../../src/render/item.ts";
import { isOn } from "../helpers/lacks.ts";
import { record } from "../helpers/records.ts";
import { lines } from "../helpers/ttsctl.ts";
import { namesOf, usePlace } from "./setup.ts";

const here = usePlace();
const at = (second: number) => ({ updated_at: `2024-01-01T00:00:0${second}` });
const RECORDS = [
  record("alice", "t1", { ...at(1), error: null, top_p: 0.5 }),
  record("alice", "t2", { ...at(2), status: "failed", error: "显存不足" }),
  record("bob", "t1", { ...at(3), status: "running" }),
  record("任务", "第三", { ...at(4), status: "odd" }),
];
const PAGE_KEYS = ["total", "page", "pageSize", "source", "items", "missing", "dangling"];
const synced = () => here.synced(...RECORDS);

describe("list", () => {
  it.each(["redis", "file"])("prints the page of docs/contract.md, Commands as JSON, from %s", async (source) => {
    await synced();
    const run = await here.run(`list -o json --source ${source}`);
    expect(run).toMatchObject({ code: 0, stderr: "" });
    expect(run.stdout.endsWith("}\n")).toBe(true);
    expect(lines(run.stdout)).toHaveLength(1);
    const page = JSON.parse(run.stdout);
    expect(Object.keys(page)).toEqual(PAGE_KEYS);
    const shown = ["odd", "run", "error", "done"];
    const items = [...RECORDS].reverse().map((item, i) => ({ ...item, status: shown[i] }));
    expect(page).toEqual({ total: 4, page: 1, pageSize: 20, source, items, missing: [], dangling: 0 });
    expect(Object.keys(page.items[0])).toEqual(Object.keys(RECORDS[3]!));
  });

  it("prints every other format", async () => {
    await synced();
    const table = await here.run("list");
    expect(table.stdout).toMatchInlineSnapshot(`
      "USER   TASK  STATUS  UPDATED              ERROR
      任务   第三  odd     2024-01-01T00:00:04
      bob    t1    run     2024-01-01T00:00:03
      alice  t2    error   2024-01-01T00:00:02  显存不足
      alice  t1    done    2024-01-01T00:00:01
      "
    `);
    expect(table.stderr).toBe("4 of 4 tasks, page 1 of 1, from redis\n");
    const columns = "user,task,status,updated,created,result,text,error";
    const [head, row] = lines((await here.run(`ls --user bob --columns ${columns}`)).stdout);
    expect(head!.split(/ +/).join()).toBe(columns.toUpperCase());
    expect(row).toMatch(/^bob +t1 +run +2024-01-01T00:00:03 +2020-01-01T08:00:00.000001 +你好，世界/);
    expect(COLUMNS.wide.filter((column) => columns.split(",").includes(column)).join()).toBe(columns);
    const { stdout } = await here.run("ls -o wide --user bob");
    expect(stdout).toBe((await here.run(`ls --user bob --columns ${COLUMNS.wide.join()}`)).stdout);
    const { exit: _, said: __, ...page } = await here.json("list");
    const items = lines((await here.run("list -o jsonl")).stdout).map((line) => JSON.parse(line));
    expect(items).toEqual(page.items);
    expect(parse((await here.run("list -o yaml")).stdout)).toEqual(page);
    const csv = lines((await here.run("list -o csv --user alice")).stdout);
    expect(csv).toEqual([
      "user_id,task_id,status,error,created_at,updated_at,progress,text,top_p",
      "alice,t2,error,显存不足,2020-01-01T08:00:00.000001,2024-01-01T00:00:02,100,你好，世界,",
      "alice,t1,done,,2020-01-01T08:00:00.000001,2024-01-01T00:00:01,100,你好，世界,0.5",
    ]);
  });

  it("keeps the text of numbers through file, mirror and every format", async () => {
    const numbers = '"updated_at": 1.7e9, "top_p": 1.0, "n": 12345678901234567890';
    here.root.write("voice_task.json", `[{"user_id": "a", "task_id": "t", ${numbers}}]`);
    await here.run("sync");
    for (const source of ["redis", "file"]) {
      for (const format of ["json", "jsonl", "yaml", "csv"]) {
        const { stdout } = await here.run(`list -o ${format} --source ${source}`);
        for (const text of ["1.7e9", "1.0", "12345678901234567890"]) expect(stdout).toContain(text);
      }
    }
  });

  it("filters and pages", async () => {
    await synced();
    const ids = async (flags: string) => {
      const pages = await Promise.all(["redis", "file"].map((source) => here.json(`list --source ${source} ${flags}`)));
      const [redis, file] = pages.map(({ total, items }) => [total, ...namesOf(items)]);
      expect(redis).toEqual(file);
      return redis;
    };
    expect(await ids("--user alice")).toEqual([2, "alice:t2", "alice:t1"]);
    expect(await ids("--status done,failed")).toEqual([2, "alice:t2", "alice:t1"]);
    expect(await ids("--status run --user alice")).toEqual([0]);
    expect(await ids("--since 2024-01-01T00:00:02 --until 2024-01-01T00:00:04Z")).toEqual([2, "bob:t1", "alice:t2"]);
    expect(await ids("--since 1h")).toEqual([0]);
    expect(await ids("--until 1h")).toEqual([4, "任务:第三", "bob:t1", "alice:t2", "alice:t1"]);
    expect(await ids("--page 2 --page-size 3")).toEqual([4, "alice:t1"]);
    expect(await ids("--page 9 --page-size 3")).toEqual([4]);
    expect(await ids("--page 99999999999999 --page-size 1000")).toEqual([4]);
  });
});

describe("ids", () => {
  it("that Redis lacks come from the file, and the source says so", async () => {
    await synced();
    here.root.writeStore([...RECORDS, record("alice", "t9")]);
    expect(await here.json("list --user alice --ids t9,t1")).toMatchObject({ source: "mixed", total: 2 });
    expect(await here.json("list --user alice --ids t9")).toMatchObject({ source: "file", total: 1 });
    const forced = await here.json("list --user alice --ids t9 --source redis");
    expect(forced).toMatchObject({ source: "redis", missing: ["t9"], exit: 3 });
    await here.server.call("HDEL", "tts:task:alice:t1", "payload", "status");
    expect(await here.json("list --user alice --ids t1")).toMatchObject({ source: "file", total: 1 });
  });

  it("that are all there are exit code 0, and those that a filter excludes are not missing", async () => {
    await synced();
    expect(await here.run("list --user alice --ids t1,t2")).toMatchObject({ code: 0 });
    const chosen = await here.json("list --user alice --ids t1,t2 --status error");
    expect(chosen).toMatchObject({ total: 1, missing: [], exit: 0 });
  });
});

it("query takes its JSON as argument, from a file, and from stdin", async () => {
  await synced();
  const text = JSON.stringify({ user_id: "alice", task_ids: ["t2", "none", "t1"] });
  here.root.write("q.json", text);
  for (const page of [
    await here.json(["query", text]),
    await here.json("query --file q.json"),
    await here.json("query", { input: text }),
    await here.json("query -f -", { input: `\n ${text}\n` }),
  ]) {
    expect(page).toMatchObject({ total: 2, page: 1, pageSize: 2, missing: ["none"], exit: 3 });
  }
  expect(await here.runArgs(["query", text, "--file", "q.json"])).toMatchObject({ code: 2 });
  expect(await here.runArgs(["query", "--file", "nowhere.json"])).toMatchObject({ code: 2 });
});

it.skipIf(isOn("api_ms", "payload decides"))("get shows both copies unchanged, with files and logs", async () => {
  await synced();
  here.root.writeArtifacts([{ user_id: "alice", task_id: "t2" }]);
  await here.server.call("HSET", "tts:task:alice:t2", "status", "running", "updated_at", "2024-01-01T00:00:09");
  const run = await here.run("get alice t2 -o json");
  expect(run).toMatchObject({ code: 0, stderr: "" });
  const result = JSON.parse(run.stdout);
  expect(Object.keys(result)).toEqual(["source", "item", "file", "redis", "artifacts"]);
  const newer = { ...RECORDS[1], updated_at: "2024-01-01T00:00:09" };
  expect(result).toEqual({
    ...{ source: "redis", file: RECORDS[1] },
    ...{ item: { ...newer, status: "run" }, redis: { ...newer, status: "running" } },
    artifacts: [
      { path: "output/alice/t2/t2.wav", bytes: 100, damaged: true },
      { path: "Logs/20200101/08/t2.log", bytes: 10 },
    ],
  });
  const table = await here.run("get alice t2");
  expect(table.stdout).toMatch(/^alice:t2 is run, in both stores\n +FILE +REDIS\n/);
  expect(table.stdout).toMatch(/^\* {2}status +error +run$/m);
  expect(table.stdout).toMatch(/^ {3}error +显存不足 +显存不足$/m);
  expect(parse((await here.run("get alice t2 -o yaml")).stdout)).toEqual(result);
  expect(JSON.parse((await here.run("get alice t2 -o jsonl")).stdout)).toEqual(result);
});

it("invalid records are warned of by a list from the file, counted and named", async () => {
  here.root.writeStore([...RECORDS, 5 as never, { user_id: "a:b", task_id: "t" }]);
  const said = expect.stringMatching(/^warning: .*2 invalid records.*a:b.*\n$/);
  expect(await here.json("list --source file")).toMatchObject({ total: 4, said });
  expect(await here.run("list -q -o json --source file")).toMatchObject({ code: 0, stderr: "" });
});
