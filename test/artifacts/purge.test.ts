import { existsSync, lutimesSync, readdirSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { basename } from "node:path";
import { describe, expect, it } from "vitest";
import type { FolderOutcome } from "../../src/artifacts/artifacts.ts";
import { NOW, OLD, openDescriptors, sweepBefore, useSite } from "./helpers.ts";

const site = useSite();

function reasonOf(outcome: FolderOutcome): string {
  if (outcome.kind !== "kept") throw new Error(`expected kept, got ${JSON.stringify(outcome)}`);
  return outcome.reason;
}

describe("purgeFolder", () => {
  it("removes the folder of a task with all that is in it", async () => {
    site.write("output/alice/t01/t01.wav");
    site.write("output/alice/t01/parts/deep/1.wav", "12345");
    site.write("output/alice/t02/t02.wav");
    site.age();
    const notUtf8 = Buffer.from(`${site.path("output/alice/t01")}/\xff.wav`, "latin1");
    writeFileSync(notUtf8, "123");
    lutimesSync(notUtf8, OLD, OLD);
    lutimesSync(site.path("output/alice/t01"), OLD, OLD);
    const artifacts = await site.open();
    const expected = { kind: "removed", files: 3, bytes: 108, room: expect.any(Number) };
    expect(artifacts.measureFolder("alice", "t01", { mtime: NOW })).toEqual(expected);
    expect(existsSync(site.path("output/alice/t01/t01.wav"))).toBe(true);
    expect(artifacts.purgeFolder("alice", "t01", { mtime: NOW })).toEqual(expected);
    expect(artifacts.purgeFolder("alice", "t01", { mtime: NOW })).toEqual({ kind: "absent" });
    artifacts.close();
    expect(site.tree("output")).toEqual(["alice", "alice/t02", "alice/t02/t02.wav xxxxxxxxxx"]);
  });

  it("never touches the logs if they are in output/, whatever a user and a task are called", async () => {
    site.write("output/Logs/20261101/09/t01.log");
    site.age();
    const artifacts = await site.open("output/Logs");
    expect(reasonOf(artifacts.purgeFolder("Logs", "20261101", { mtime: NOW }))).toContain("holds the logs");
    expect(existsSync(site.path("output/Logs/20261101/09/t01.log"))).toBe(true);
  });

  it.each([
    ["a file", "output/alice/t01/t01.wav"],
    ["a file far down", "output/alice/t01/a/b/c.wav"],
    ["a folder", "output/alice/t01/a"],
    ["the folder itself", "output/alice/t01"],
  ])("puts back a folder when %s is newer", async (_what, newer) => {
    site.write("output/alice/t01/t01.wav");
    site.write("output/alice/t01/a/b/c.wav");
    site.age();
    const before = site.tree("output");
    // age() goes down, too; only the entry itself is to be newer
    site.age(NOW + 0.001, newer);
    if (newer !== "output/alice/t01/t01.wav") site.age(OLD, "output/alice/t01/t01.wav");
    const artifacts = await site.open();
    expect(artifacts.measureFolder("alice", "t01", { mtime: NOW })).toMatchObject({ kind: "kept", newer: true });
    expect(artifacts.purgeFolder("alice", "t01", { mtime: NOW })).toMatchObject({ kind: "kept", newer: true });
    artifacts.close();
    expect(site.tree("output")).toEqual(before);
  });

  it("purges many tasks of many users, and leaves no descriptor open", async () => {
    const tasks = Array.from({ length: 2000 }, (_, i) => [`user${i % 90}`, `t${i}`] as const);
    for (const [user, task] of tasks) site.write(`output/${user}/${task}/${task}.wav`);
    site.age();
    const before = openDescriptors();
    const artifacts = await site.open();
    let most = 0;
    for (const [i, task] of tasks.entries()) {
      expect(artifacts.purgeFolder(...task, { mtime: NOW })).toMatchObject({ kind: "removed" });
      if (i % 100 === 99) most = Math.max(most, openDescriptors());
    }
    expect(most - before).toBeLessThan(200 + 8);
    await artifacts.sweep(sweepBefore(NOW));
    expect(readdirSync(site.path("output"))).toEqual([]);
    artifacts.close();
    expect(openDescriptors()).toBe(before);
    expect(readdirSync(site.path("output"))).toEqual([]);
  });

  it("leaves alone a user's directory that was moved out of output/ between two tasks", async () => {
    for (const task of ["t01", "t02"]) site.write(`output/alice/${task}/${task}.wav`);
    const artifacts = await site.laid("Logs/20261101/09/t01.log", "Logs/20261101/09/t02.log");
    expect(artifacts.purgeFolder("alice", "t01", { mtime: NOW })).toMatchObject({ kind: "removed" });
    expect(artifacts.logs.remove("t01", ["20261101/09"], NOW)).toMatchObject({ files: 1 });
    for (const moved of ["output/alice", "Logs/20261101/09"]) {
      renameSync(site.path(moved), site.path(`moved-${basename(moved)}`));
      symlinkSync(site.path(`moved-${basename(moved)}`), site.path(moved));
    }
    expect(reasonOf(artifacts.purgeFolder("alice", "t02", { mtime: NOW }))).toContain("is a symbolic link");
    expect(artifacts.logs.remove("t02", ["20261101/09"], NOW)).toMatchObject({ files: 0, kept: 1 });
    expect(existsSync(site.path("moved-alice/t02/t02.wav"))).toBe(true);
    expect(existsSync(site.path("moved-09/t02.log"))).toBe(true);
  });

  it("keeps a file that was put there or changed after the pass began, though it has an old mtime", async () => {
    const artifacts = await site.laid("output/alice/t01/t01.wav");
    const [before, after] = [Date.now() / 1000 - 60, Date.now() / 1000 + 60];
    const newest = { mtime: before, ctime: before };
    expect(artifacts.measureFolder("alice", "t01", newest)).toMatchObject({ kind: "kept", newer: true });
    expect(artifacts.purgeFolder("alice", "t01", newest)).toMatchObject({ kind: "kept", newer: true });
    expect(existsSync(site.path("output/alice/t01/t01.wav"))).toBe(true);
    expect(artifacts.purgeFolder("alice", "t01", { mtime: before, ctime: after })).toMatchObject({ kind: "removed" });
  });

  it("refuses a nesting deeper than the service's", async () => {
    const artifacts = await site.laid(`output/alice/t01/${"d/".repeat(40)}x.wav`);
    const before = site.tree("output");
    expect(reasonOf(artifacts.purgeFolder("alice", "t01", { mtime: NOW }))).toContain("levels deep");
    artifacts.close();
    expect(site.tree("output")).toEqual(before);
  });
});
