import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { record } from "../helpers/records.ts";
import { lines, Running, start } from "../helpers/ttsctl.ts";
import { until } from "../helpers/until.ts";
import { usePlace } from "./setup.ts";

const here = usePlace();
const tasks = [record("alice", "t1"), record("=cmd", "t2", { error: "@x", status: "FAILED" }), record("bob", "t3")];
const many = Array.from({ length: 20_000 }, (_, i) => record("alice", `t${i}`));
const ours = () => readdirSync(here.root.path).filter((name) => !name.endsWith(".lock"));

describe("export", () => {
  it("prints JSON Lines, with the counts on stderr", async () => {
    here.root.writeStore(tasks);
    const run = await here.run("export");
    expect(run).toMatchObject({ code: 0, stderr: "3 tasks exported: 3 from the file, 0 from Redis\n" });
    expect(lines(run.stdout)).toEqual(tasks.map((task) => JSON.stringify(task)));
    expect(await here.run("export -q -o jsonl")).toMatchObject({ code: 0, stderr: "", stdout: run.stdout });
  });

  it("prints an array, and CSV without formulas", async () => {
    here.root.writeStore(tasks);
    expect(JSON.parse((await here.run("export -o json")).stdout)).toEqual(tasks);
    const [head, , second] = lines((await here.run("export -o csv")).stdout);
    expect(head).toBe("user_id,task_id,status,error,created_at,updated_at,record");
    expect(second).toMatch(/^'=cmd,t2,FAILED,'@x,2020-01-01T08:00:00.000001,2020-01-01T08:00:05.250001,"{""task_id""/);
    here.root.writeStore([]);
    expect([(await here.run("export -o json")).stdout, (await here.run("export")).stdout]).toEqual(["[]\n", ""]);
    expect((await here.run("export -o csv")).stdout).toBe(`${head}\n`);
  });

  it("writes a file, and leaves one that is there", async () => {
    here.root.writeStore(tasks);
    expect(await here.run("export --to b.csv -o csv")).toMatchObject({ code: 0, stdout: "" });
    expect(await here.run("export --to b.csv")).toMatchObject({ code: 2, stdout: "" });
    expect(readFileSync(here.root.at("b.csv"), "utf8")).toMatch(/^user_id/);
    expect((await here.run("export --to b.csv --force")).code).toBe(0);
    expect(lines(readFileSync(here.root.at("b.csv"), "utf8"))).toHaveLength(3);
    for (const own of ["voice_task.json", "./config.ini"]) {
      expect((await here.run(`export --to ${own} --force`)).code).toBe(2);
    }
  });

  it("exits 3 if Redis was unavailable, or an id was not found", async () => {
    here.root.writeStore(tasks);
    expect((await here.run("export --user alice --ids t1,t9")).code).toBe(3);
    const down = await here.run("export --redis-url redis://127.0.0.1:1");
    expect([down.code, lines(down.stdout)]).toEqual([3, tasks.map((task) => JSON.stringify(task))]);
    const redis = await here.run("export --source redis --redis-url redis://127.0.0.1:1");
    expect(redis).toMatchObject({ code: 4, stdout: "" });
  });

  it("exits 3 without what Redis may still have of deleted tasks", async () => {
    await here.synced(...tasks);
    expect((await here.run("delete --ids alice:t1 --yes", { env: { REDIS_PORT: "1" } })).code).toBe(3);
    const { code, stdout } = await here.run("export");
    expect([code, lines(stdout).map((line) => JSON.parse(line))]).toEqual([3, tasks.slice(1)]);
  });

  it("exits 3 if a record can't be a line, and says which", async () => {
    here.root.writeStore([tasks[0]!, record("bob", "gone", { deleted: true })]);
    const run = await here.run("export");
    expect([run.code, lines(run.stdout).length]).toEqual([3, 1]);
    expect(run.stderr).toContain("bob:gone was not exported");
  });

  it("does not replace a backup by one of a store file that is not there", async () => {
    here.root.write("b.jsonl", "the last backup");
    for (const line of ["export --to b.jsonl --force", "export --to b.jsonl --force --no-redis"]) {
      expect((await here.run(line)).code).toBe(1);
    }
    expect(readFileSync(here.root.at("b.jsonl"), "utf8")).toBe("the last backup");
    expect(ours()).toEqual(["b.jsonl", "config.ini"]);
  });
});

describe("an incomplete export", () => {
  it("whose reader closed the pipe exits 1", async () => {
    here.root.writeStore(many);
    const running = new Running(["export"], { cwd: here.root.path });
    await once(running.child.stdout, "data");
    running.child.stdout.destroy();
    const run = await running.end();
    expect([run.code, run.stderr]).toEqual([1, expect.stringContaining("export is incomplete")]);
  });

  it.each(["SIGTERM", "SIGINT"] as const)("since %s ended it exits 130 and leaves no file", async (signal) => {
    here.root.writeStore(many);
    const running = start(["export", "--to", "b.jsonl", "-o", "csv"], { cwd: here.root.path });
    await until(() => ours().some((name) => name.endsWith(".part")));
    running.kill(signal);
    expect((await running.end()).code).toBe(130);
    expect(ours()).toEqual(["config.ini", "voice_task.json"]);
  });
});
