import { copyFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import stringWidth from "string-width";
import { describe, expect, it } from "vitest";
import { invoke } from "../cli/invoke.ts";
import { record } from "../helpers/records.ts";
import { lines } from "../helpers/ttsctl.ts";
import { wav } from "../helpers/wav.ts";
import { usePlace } from "./setup.ts";

const here = usePlace();
const SAMPLES = ["variable.mp3", "speech.flac", "vorbis.ogg", "speech.m4a"];
const running = record("alice", "t1", { status: "running" });
describe("get", () => {
  it("shows how long audio plays, and which files are damaged", async () => {
    here.root.writeStore([running]);
    here.root.write("output/alice/t1/broken.mp3", "ID3");
    for (const name of SAMPLES) {
      copyFileSync(new URL(`../artifacts/audio/${name}`, import.meta.url), here.root.at(`output/alice/t1/${name}`));
    }
    writeFileSync(here.root.at("output/alice/t1/t1.wav"), wav(0.2));
    const { artifacts } = await here.json("get alice t1");
    expect(artifacts).toEqual([
      { path: "output/alice/t1/broken.mp3", bytes: 3, damaged: true },
      { path: "output/alice/t1/speech.flac", bytes: 3570, seconds: 0.5 },
      { path: "output/alice/t1/speech.m4a", bytes: 1480, seconds: expect.closeTo(0.56, 2) },
      { path: "output/alice/t1/t1.wav", bytes: 3244, seconds: 0.2 },
      { path: "output/alice/t1/variable.mp3", bytes: 1964, seconds: 0.576 },
      { path: "output/alice/t1/vorbis.ogg", bytes: 3609, seconds: 0.5 },
    ]);
  });

  it.each([40, 80, 200])("fits a terminal of %i columns, and shows where long texts differ", async (columns) => {
    const long = "床前明月光，疑是地上霜。".repeat(9);
    here.root.writeStore([{ ...running, text: `${long}举头望明月`, result_path: `output/${"very/".repeat(50)}a.wav` }]);
    await here.mirrored({ ...running, text: `${long}低头思故乡` });
    here.root.write(`output/alice/t1/${"语".repeat(60)}.wav`, "x");
    const options = { cwd: here.root.path, terminal: { columns } };
    const { stdout } = await invoke(["get", "alice", "t1", "--no-color"], options);
    for (const line of lines(stdout)) expect(stringWidth(line)).toBeLessThanOrEqual(columns);
    const text = lines(stdout).find((line) => line.startsWith("*  text"));
    if (columns >= 80) expect(text).toMatch(/举头望.*低头思/);
  });
});

it("is answered by Redis if the file is broken, with a warning", async () => {
  await here.synced(running);
  here.root.write("voice_task.json", "[{");
  const said = expect.stringMatching(/^warning: reading only from Redis: /);
  expect(await here.json("get alice t1")).toMatchObject({ exit: 0, source: "redis", item: { status: "run" }, said });
});

it("shows what can be read, as do logs and stats, if output/ or Logs/ can't be", async () => {
  await here.synced(running);
  here.root.writeArtifacts([running] as never);
  const without = async (root: string, line: string) => {
    renameSync(here.root.at(root), here.root.at("aside"));
    symlinkSync("/nowhere", here.root.at(root)); // root may read any directory
    const [answer, { stdout }] = [await here.json(line), await here.run(line)];
    rmSync(here.root.at(root));
    renameSync(here.root.at("aside"), here.root.at(root));
    return { ...answer, stdout };
  };
  for (const [root, shown] of Object.entries({ output: "Logs/20200101/08/t1.log", Logs: "output/alice/t1/t1.wav" })) {
    const got = await without(root, "get alice t1");
    expect(got).toMatchObject({ exit: 0, item: { status: "run" }, artifacts: [{ path: shown }] });
    expect(got.unread).toEqual([expect.stringContaining(here.root.at(root))]);
    expect(got.stdout).toContain(`not listed: ${got.unread[0]}`);
    const stats = await without(root, "stats");
    expect(stats).toMatchObject({ exit: 0, total: 1, disk: null, cleanup: null });
    expect(stats.said).toContain(here.root.at(root));
  }
  expect(await without("output", "logs t1")).toMatchObject({ exit: 0, log: [{ lines: ["yyyyyyyyyy"] }] });
  expect(await without("Logs", "logs t1")).toMatchObject({ exit: 1, code: "ARTIFACTS_UNSAFE" });
  const said = expect.stringContaining("Logs/20200101");
  expect(await without("Logs/20200101", "logs t1")).toMatchObject({ exit: 3, log: [], said });
});

describe("get TASK", () => {
  const got = (task: string) => here.json(`get ${task}`);

  it("finds the task of any user, in either store", async () => {
    here.root.writeStore([running, record("bob", "a:b"), record("bob", "t10")]);
    await here.mirrored(record("carol", "x*[1]"), record("carol", "x11"), record("alice", "t1", { status: "running" }));
    expect(await got("t1")).toMatchObject({ item: { user_id: "alice" }, exit: 0 });
    expect(await got("a:b")).toMatchObject({ item: { user_id: "bob", task_id: "a:b" }, source: "file" });
    expect(await got("x*[1]")).toMatchObject({ item: { user_id: "carol" }, source: "redis" });
    expect(await got("x*[1] --source file")).toMatchObject({ item: null, exit: 3 });
    expect(await got("a:b --source redis")).toMatchObject({ item: null, exit: 3 });
    expect(await got("none")).toMatchObject({ item: null, exit: 3 });
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
