import { existsSync, lutimesSync, mkdirSync, readdirSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { FolderOutcome } from "../../src/artifacts/artifacts.ts";
import { MODES, NOW, OLD, openDescriptors, Site, sweepBefore } from "./helpers.ts";

const NO_FOLDER = "is a symbolic link or not a directory";
let site: Site;

beforeEach(() => {
  site = new Site();
});
afterEach(() => site.remove());

function reasonOf(outcome: FolderOutcome): string {
  if (outcome.kind !== "kept") throw new Error(`expected kept, got ${JSON.stringify(outcome)}`);
  return outcome.reason;
}

describe.each(MODES)("purgeFolder %s", (_mode, byDescriptor) => {
  it("removes the folder of a task with all that is in it", async () => {
    site.write("output/alice/t01/t01.wav");
    site.write("output/alice/t01/parts/deep/1.wav", "12345");
    site.write("output/alice/t02/t02.wav");
    site.age();
    const notUtf8 = Buffer.from(`${site.path("output/alice/t01")}/\xff.wav`, "latin1");
    writeFileSync(notUtf8, "123");
    lutimesSync(notUtf8, OLD, OLD);
    lutimesSync(site.path("output/alice/t01"), OLD, OLD);
    const artifacts = await site.open(byDescriptor);
    const expected = { kind: "removed", files: 3, bytes: 108 };
    expect(await artifacts.measureFolder("alice", "t01", NOW)).toEqual(expected);
    expect(existsSync(site.path("output/alice/t01/t01.wav"))).toBe(true);
    expect(await artifacts.purgeFolder("alice", "t01", NOW)).toEqual(expected);
    expect(await artifacts.purgeFolder("alice", "t01", NOW)).toEqual({ kind: "absent" });
    await artifacts.close();
    expect(site.tree("output")).toEqual(["alice", "alice/t02", "alice/t02/t02.wav xxxxxxxxxx"]);
  });

  it("finds nothing in an empty directory", async () => {
    site.write("output/alice/t01/t01.wav");
    const artifacts = await site.open(byDescriptor);
    for (const [user, task] of [
      ["bob", "t01"],
      ["alice", "t02"],
    ] as const) {
      expect(await artifacts.measureFolder(user, task, NOW)).toEqual({ kind: "absent" });
      expect(await artifacts.purgeFolder(user, task, NOW)).toEqual({ kind: "absent" });
    }
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
    const artifacts = await site.open(byDescriptor);
    expect(await artifacts.measureFolder("alice", "t01", NOW)).toMatchObject({ kind: "kept", newer: true });
    expect(await artifacts.purgeFolder("alice", "t01", NOW)).toMatchObject({ kind: "kept", newer: true });
    await artifacts.close();
    expect(site.tree("output")).toEqual(before);
  });

  it("removes files changed in the second of the pass", async () => {
    site.write("output/alice/t01/t01.wav");
    site.age(NOW);
    const artifacts = await site.open(byDescriptor);
    expect(await artifacts.purgeFolder("alice", "t01", NOW)).toMatchObject({ kind: "removed", files: 1 });
  });

  it("has no user with the name of the purge folder", async () => {
    site.write("output/.ttsctl-purge/t01/t01.wav");
    site.age();
    const artifacts = await site.open(byDescriptor);
    expect(await artifacts.purgeFolder(".ttsctl-purge", "t01", NOW)).toMatchObject({ kind: "kept", newer: false });
    expect(existsSync(site.path("output/.ttsctl-purge/t01/t01.wav"))).toBe(true);
  });

  it.each([
    ["a task's folder", "output/alice/t01", "outside/t01"],
    ["a user's folder", "output/alice", "outside"],
  ])("does not follow a link in place of %s", async (_what, link, target) => {
    site.write("outside/t01/t01.wav");
    mkdirSync(join(site.path(link), ".."), { recursive: true });
    symlinkSync(site.path(target), site.path(link));
    site.age();
    const before = site.tree();
    const artifacts = await site.open(byDescriptor);
    expect(reasonOf(await artifacts.measureFolder("alice", "t01", NOW))).toContain(NO_FOLDER);
    expect(await artifacts.list("alice", "t01")).toEqual([]);
    expect(reasonOf(await artifacts.purgeFolder("alice", "t01", NOW))).toMatch(
      /link or not a directory|is not a directory/,
    );
    await artifacts.close();
    expect(site.tree()).toEqual(before);
  });

  it("does not follow a user's folder that is moved out and linked to between two tasks", async () => {
    site.write("output/alice/t01/t01.wav");
    site.write("output/alice/t02/t02.wav");
    site.age();
    const artifacts = await site.open(byDescriptor);
    expect(await artifacts.purgeFolder("alice", "t01", NOW)).toMatchObject({ kind: "removed" });
    renameSync(site.path("output/alice"), site.path("archive"));
    expect(await artifacts.purgeFolder("alice", "t02", NOW)).toEqual({ kind: "absent" });
    symlinkSync(site.path("archive"), site.path("output/alice"));
    expect(reasonOf(await artifacts.purgeFolder("alice", "t02", NOW))).toContain(NO_FOLDER);
    expect(existsSync(site.path("archive/t02/t02.wav"))).toBe(true);
  });

  it("purges many tasks at once, many of one user, and leaves no descriptor open", async () => {
    const tasks = Array.from({ length: 2000 }, (_, i) => [`user${i % 90}`, `t${i}`] as const);
    for (const [user, task] of tasks) site.write(`output/${user}/${task}/${task}.wav`);
    site.age();
    const before = openDescriptors();
    const artifacts = await site.open(byDescriptor);
    const queue = [...tasks];
    let [removed, most] = [0, 0];
    const worker = async () => {
      for (let task = queue.pop(); task !== undefined; task = queue.pop()) {
        if ((await artifacts.purgeFolder(...task, NOW)).kind === "removed") removed += 1;
        if (queue.length % 100 === 0) most = Math.max(most, openDescriptors());
      }
    };
    await Promise.all(Array.from({ length: 16 }, worker));
    expect(removed).toBe(2000);
    expect(most - before).toBeLessThan(64 + 16 * 2 + 8);
    expect(await artifacts.sweep(sweepBefore(NOW))).toBe(90);
    await artifacts.close();
    expect(openDescriptors()).toBe(before);
    expect(readdirSync(site.path("output"))).toEqual([]);
  });

  it("removes a directory once, despite concurrent calls", async () => {
    site.write("output/alice/t01/t01.wav");
    site.age();
    const artifacts = await site.open(byDescriptor);
    const outcomes = await Promise.all(Array.from({ length: 8 }, () => artifacts.purgeFolder("alice", "t01", NOW)));
    expect(outcomes.filter(({ kind }) => kind === "removed")).toHaveLength(1);
  });

  it("refuses a nesting deeper than the service's", async () => {
    site.write(`output/alice/t01/${"d/".repeat(40)}x.wav`);
    site.age();
    const before = site.tree("output");
    const artifacts = await site.open(byDescriptor);
    expect(reasonOf(await artifacts.purgeFolder("alice", "t01", NOW))).toContain("levels deep");
    await artifacts.close();
    expect(site.tree("output")).toEqual(before);
  });
});
