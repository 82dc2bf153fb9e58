import { appendFileSync, copyFileSync, renameSync, writeFileSync } from "node:fs";
import stringWidth from "string-width";
import { describe, expect, it } from "vitest";
import { invoke } from "../cli/invoke.ts";
import { FastClock } from "../helpers/clock.ts";
import { record } from "../helpers/records.ts";
import { lines, Running, start } from "../helpers/ttsctl.ts";
import { until } from "../helpers/until.ts";
import { wav } from "../helpers/wav.ts";
import { usePlace } from "./setup.ts";

const here = usePlace();
const LOG = "Logs/20260101/08/t1.log";
const SAMPLES = ["variable.mp3", "speech.flac", "vorbis.ogg", "speech.m4a"];
const running = record("alice", "t1", { status: "running" });
const follow = (line = "") =>
  start(`get alice t1 --follow ${line}`.trim().split(" "), { cwd: here.root.path, clock: new FastClock() });

describe("get", () => {
  it("shows how long audio plays, and which files are damaged", async () => {
    here.root.writeStore([running]);
    here.root.write("output/alice/t1/broken.mp3", "ID3");
    for (const name of SAMPLES) {
      copyFileSync(new URL(`../artifacts/audio/${name}`, import.meta.url), here.root.at(`output/alice/t1/${name}`));
    }
    writeFileSync(here.root.at("output/alice/t1/t1.wav"), wav(0.2));
    const { artifacts } = JSON.parse((await here.run("get alice t1 -o json")).stdout);
    expect(artifacts).toEqual([
      { path: "output/alice/t1/broken.mp3", bytes: 3, damaged: true },
      { path: "output/alice/t1/speech.flac", bytes: 3570, seconds: 0.5 },
      { path: "output/alice/t1/speech.m4a", bytes: 1480, seconds: expect.closeTo(0.56, 2) },
      { path: "output/alice/t1/t1.wav", bytes: 3244, seconds: 0.2 },
      { path: "output/alice/t1/variable.mp3", bytes: 1964, seconds: 0.576 },
      { path: "output/alice/t1/vorbis.ogg", bytes: 3609, seconds: 0.5 },
    ]);
    const { stdout } = await here.run("get alice t1");
    expect(stdout).toMatch(/broken\.mp3 {2}3 bytes {2}damaged\n/);
    expect(stdout).toMatch(/t1\.wav {2}3\.2 kB {2}0:00\.2\n/);
  });

  it("shows the last lines of the log, which cannot steer a terminal", async () => {
    here.root.writeStore([running]);
    here.root.write(LOG, "one\r\n\u001b]0;owned\u0007two\u009b2J\n 10%\r 50%\r100%\n");
    const { stdout } = await here.run("get alice t1 --log 2");
    const shown = stdout.slice(stdout.indexOf("==>"));
    expect(shown).toBe(`==> ${LOG} <==\n\\u001b]0;owned\\u0007two\\u009b2J\n100%\n`);
    const { log } = JSON.parse((await here.run("get alice t1 -o json --log")).stdout);
    expect(log).toEqual([{ path: LOG, lines: ["one", "\u001b]0;owned\u0007two\u009b2J", " 10%\r 50%\r100%"] }]);
    expect((await here.run("get alice t1")).stdout).not.toContain("owned");
    expect(JSON.parse((await here.run("get alice t1 -o json")).stdout)).not.toHaveProperty("log");
    expect((await here.run("get alice t1 --log 0")).code).toBe(2);
    expect(await here.run("get nobody t1 --log")).toMatchObject({ code: 3, stdout: "" });
    expect((await here.run("get --log alice t1")).stderr).toContain("after the ids");
  });

  it.each([40, 80, 200])("fits a terminal of %i columns, and shows where long texts differ", async (columns) => {
    const long = "床前明月光，疑是地上霜。".repeat(9);
    here.root.writeStore([{ ...running, text: `${long}举头望明月`, result_path: `output/${"very/".repeat(50)}a.wav` }]);
    await here.mirrored({ ...running, text: `${long}低头思故乡` });
    here.root.write(`output/alice/t1/${"语".repeat(60)}.wav`, "x");
    const { stdout } = await invoke(["get", "alice", "t1", "--no-color"], {
      ...{ cwd: here.root.path, terminal: { columns } },
    });
    for (const line of lines(stdout)) expect(stringWidth(line)).toBeLessThanOrEqual(columns);
    const text = lines(stdout).find((line) => line.startsWith("*  text"));
    if (columns >= 80) expect(text).toMatch(/举头望.*低头思/);
  });
});

describe("get TASK", () => {
  const got = async (line: string) => {
    const run = await here.run(`get ${line} -o json`);
    return { ...JSON.parse(run.stdout || run.stderr), exit: run.code, said: run.stderr };
  };

  it("finds the task of any user, in either store", async () => {
    here.root.writeStore([running, record("bob", "a:b"), record("bob", "t10")]);
    await here.mirrored(record("carol", "x*[1]"), record("carol", "x11"), record("alice", "t1", { status: "running" }));
    here.root.write(LOG, "one\n");
    expect(await got("t1 --log")).toMatchObject({ item: { user_id: "alice" }, log: [{ lines: ["one"] }], exit: 0 });
    expect(await got("a:b")).toMatchObject({ item: { user_id: "bob", task_id: "a:b" }, source: "file" });
    expect(await got("x*[1]")).toMatchObject({ item: { user_id: "carol" }, source: "redis" });
    expect(await got("x*[1] --source file")).toMatchObject({ item: null, exit: 3 });
    expect(await got("a:b --source redis")).toMatchObject({ item: null, exit: 3 });
    expect((await here.run("get none")).stderr).toContain(' has the id "none"');
  });

  it("names the users if several have one", async () => {
    here.root.writeStore([running, record("bob", "t1")]);
    await here.mirrored(record("carol", "t1"), record("bob", "t1"));
    expect(await got("t1")).toMatchObject({ code: "USAGE", exit: 2, error: expect.stringMatching(/^3 users/) });
    for (const name of ["alice:t1", "bob:t1", "carol:t1"]) expect((await got("t1")).error).toContain(name);
    expect(await got("bob t1")).toMatchObject({ item: { user_id: "bob" } });
    expect((await here.run("delete --ids t1 --yes")).code).toBe(2);
    expect(here.root.readStore()).toHaveLength(2);
  });

  it("reads the file if Redis is down", async () => {
    here.root.writeStore([running]);
    const down = { env: { REDIS_URL: "redis://127.0.0.1:1" } };
    expect((await here.run("get t1 -o json", down)).code).toBe(0);
    expect((await here.run("get t1 --source redis", down)).code).toBe(4);
  });
});

describe("get --follow", () => {
  it("prints lines as they come, and ends when the task is finished", async () => {
    here.root.writeStore([running]);
    here.root.write(LOG, "before\n");
    const run = follow();
    await run.says(/before/);
    appendFileSync(here.root.at(LOG), "during\nunfinished");
    await run.says(/during/);
    here.root.write("Logs/20260101/09/t1.log", "the next hour\n");
    await run.says(/the next hour/);
    renameSync(here.root.at("voice_task.json"), here.root.at("old.json"));
    here.root.write("voice_task.json", JSON.stringify([{ ...running, status: "failed" }]));
    const { code, stdout, stderr } = await run.end();
    expect(code).toBe(1);
    expect(stdout.slice(stdout.indexOf("==>"))).toBe(
      `==> ${LOG} <==\nbefore\nduring\n==> Logs/20260101/09/t1.log <==\nthe next hour\n==> ${LOG} <==\nunfinished\n`,
    );
    expect(stderr).toContain("alice:t1 is finished: error\n");
  });

  it("sees in Redis that the task is finished, or gone", async () => {
    for (const [change, said] of [
      [["HSET", "tts:task:alice:t1", "status", "succeeded"], "is finished: done\n"],
      [["DEL", "tts:task:alice:t1"], "is gone"],
    ] as const) {
      await here.mirrored(running);
      const run = follow();
      await run.says(/no log yet/);
      await here.server.call(...change);
      expect(await run.end()).toMatchObject({ code: 0, stderr: expect.stringContaining(said) });
      await here.server.call("FLUSHALL");
    }
  });

  it("is 130 on Ctrl-C, with all lines out; a finished task is not waited for", async () => {
    here.root.writeStore([running, record("bob", "t2")]);
    here.root.write(LOG, "one\ntwo");
    const run = follow("-o jsonl");
    await run.says(/one/);
    run.kill("SIGINT");
    const { code, stdout, stderr } = await run.end();
    expect({ code, stderr }).toEqual({ code: 130, stderr: "" });
    expect(lines(stdout).map((line) => JSON.parse(line))).toEqual([
      { path: LOG, line: "one" },
      { path: LOG, line: "two" },
    ]);
    expect(await here.run("get bob t2 -f")).toMatchObject({ code: 0, stderr: expect.stringContaining("is finished") });
    expect(await here.run("get bob none -f")).toMatchObject({
      code: 3,
      stdout: "",
      stderr: 'not found: "bob" has 1 task, but no "none"\n',
    });
    expect((await here.run("get bob t2 -f -o json")).code).toBe(2);
  });

  it("ends when its output is closed", async () => {
    here.root.writeStore([running]);
    here.root.write(LOG, "one\n");
    const run = new Running(["get", "alice", "t1", "--follow", "-o", "jsonl"], { cwd: here.root.path });
    await run.says(/one/);
    run.child.stdout.destroy();
    await until(() => {
      appendFileSync(here.root.at(LOG), "more\n");
      return run.hasEnded;
    });
    expect(await run.end()).toMatchObject({ code: 0, stderr: "" });
  });
});
