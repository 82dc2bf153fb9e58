import { once } from "node:events";
import { appendFileSync, renameSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { FastClock } from "../helpers/clock.ts";
import { record } from "../helpers/records.ts";
import { lines, Running, start } from "../helpers/ttsctl.ts";
import { until } from "../helpers/until.ts";
import { usePlace } from "./setup.ts";

const here = usePlace();
const hour = (name: string) => `Logs/20260101/${name}/t1.log`;
const running = record("alice", "t1", { status: "running" });
const LOG = hour("08");
const follow = (line = "") =>
  start(`logs alice t1 --follow ${line}`.trim().split(" "), { cwd: here.root.path, clock: new FastClock() });
const head = (name: string) => `==> ${hour(name)} <==`;

describe("logs", () => {
  it("prints all logs of a task, oldest first, which cannot steer a terminal", async () => {
    here.root.writeStore([running, record("bob", "t2")]);
    const hours = ["08", "09", "10", "11", "12", "13"];
    for (const name of hours) here.root.write(hour(name), `in ${name}\r\n\u001b[2Jlast`);
    const expected = hours.flatMap((name) => [head(name), `in ${name}`, "\\u001b[2Jlast"]);
    for (const line of ["logs alice t1", "logs alice:t1", "logs t1", "logs t1 --source file"]) {
      const run = await here.run(line);
      expect([run.code, lines(run.stdout)]).toEqual([0, expected]);
    }
    expect(lines((await here.run("logs t1 --tail 3")).stdout)).toEqual([
      ...[head("12"), "\\u001b[2Jlast", head("13"), "in 13", "\\u001b[2Jlast"],
    ]);
    const objects = lines((await here.run("logs t1 -o jsonl --tail 2")).stdout).map((line) => JSON.parse(line));
    expect(objects).toEqual(["in 13", "\u001b[2Jlast"].map((line) => ({ path: hour("13"), line })));
    const log = [{ path: hour("13"), lines: ["\u001b[2Jlast"] }];
    expect(await here.json("logs t1 --tail 1")).toMatchObject({ log });
  });

  it("ends on a signal while its reader doesn't read, and so does events", async () => {
    here.root.configure(null);
    here.root.writeStore([running]);
    here.root.write(hour("08"), `${"x".repeat(99)}\n`.repeat(40_000));
    for (const [line, expected, ms] of [
      ["logs alice t1 -f", 130, 500],
      ["events --interval 1", 0, 1500],
    ] as const) {
      const run = new Running(line.split(" "), { cwd: here.root.path });
      const exited = once(run.child, "exit");
      run.child.stdout.pause();
      if (line.startsWith("events")) await run.says(/changes come from/);
      else await until(() => run.openFiles().some((path) => path.endsWith("t1.log")));
      here.root.writeStore([running, ...Array.from({ length: 20_000 }, (_, i) => record("bob", `t${i}`))]);
      await sleep(ms); // by then the pipe is full
      run.kill("SIGINT");
      const inTime = Promise.race([exited, sleep(4000)]);
      expect(await inTime).toEqual([expected, null]);
      run.child.stdout.destroy();
    }
  });

  it("says what isn't there", async () => {
    here.root.writeStore([running, record("bob", "t1")]);
    expect(await here.run("logs alice t1")).toMatchObject({ code: 0, stdout: "", stderr: "alice:t1 has no log\n" });
    expect(await here.run("logs alice none")).toMatchObject({ code: 3, stdout: "" });
    const both = await here.run("logs t1");
    expect(both).toMatchObject({ code: 2, stdout: "", stderr: expect.stringContaining("ttsctl logs bob t1") });
    for (const line of ["logs", "logs alice t1 --tail 0", "logs alice t1 --tail 10001", "logs alice t1 -f -o json"]) {
      expect(await here.run(line)).toMatchObject({ code: 2, stdout: "" });
    }
  });
});

describe("logs --follow", () => {
  it("prints lines as they come, and ends when the task is finished", async () => {
    here.root.writeStore([running]);
    here.root.write(LOG, "before\n");
    const run = follow();
    await run.says(/before/);
    appendFileSync(here.root.at(LOG), "during\nunfinished");
    await run.says(/during/);
    here.root.write(hour("09"), "the next hour\n");
    await run.says(/the next hour/);
    renameSync(here.root.at("voice_task.json"), here.root.at("old.json"));
    here.root.write("voice_task.json", JSON.stringify([{ ...running, status: "failed" }]));
    const { code, stdout } = await run.end();
    const printed = [head("08"), "before", "during", head("09"), "the next hour", head("08"), "unfinished"];
    expect([code, ...lines(stdout)]).toEqual([1, ...printed]);
  });

  it("is 130 on Ctrl-C, with all lines out; a finished task is not waited for", async () => {
    here.root.writeStore([running, record("bob", "t2")]);
    here.root.write(LOG, "one\ntwo");
    const run = follow("-o jsonl");
    await run.says(/one/);
    run.kill("SIGINT");
    const { code, stdout, stderr } = await run.end();
    expect({ code, stderr }).toEqual({ code: 130, stderr: "" });
    const printed = ["one", "two"].map((line) => ({ path: LOG, line }));
    expect(lines(stdout).map((line) => JSON.parse(line))).toEqual(printed);
    expect(await here.run("logs bob t2 -f")).toMatchObject({ code: 0, stderr: expect.stringContaining("is finished") });
    expect(await here.run("logs bob none -f")).toMatchObject({ code: 3, stdout: "" });
    expect((await here.run("logs bob t2 -f -o json")).code).toBe(2);
  });
});
