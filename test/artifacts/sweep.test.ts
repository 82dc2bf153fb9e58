import { mkdirSync, readdirSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { NOW, sweepBefore, useSite } from "./helpers.ts";

const EXPIRE_BEFORE = NOW - 1000;
const site = useSite();

describe("sweep", () => {
  it("removes a user's folder that this pass emptied and that was old before", async () => {
    site.write("output/old/t01/t01.wav");
    site.write("output/young/t02/t02.wav");
    site.write("output/busy/t03/t03.wav");
    site.write("output/busy/t04/t04.wav");
    mkdirSync(site.path("output/untouched"));
    site.age();
    site.age(EXPIRE_BEFORE + 1, "output/young");
    const artifacts = await site.open();
    for (const [user, task] of [
      ["old", "t01"],
      ["young", "t02"],
      ["busy", "t03"],
    ] as const) {
      expect(artifacts.purgeFolder(user, task, { mtime: NOW })).toMatchObject({ kind: "removed" });
    }
    await artifacts.sweep(sweepBefore(EXPIRE_BEFORE));
    expect(readdirSync(site.path("output")).sort()).toEqual(["busy", "untouched", "young"]);
  });

  it("leaves the folder of a user who has a record: the service may be about to make a task's in it", async () => {
    const artifacts = await site.laid("output/back/t01/t01.wav", "output/gone/t02/t02.wav");
    artifacts.purgeFolder("back", "t01", { mtime: NOW });
    artifacts.purgeFolder("gone", "t02", { mtime: NOW });
    await artifacts.sweep(sweepBefore(EXPIRE_BEFORE, ["back"]));
    expect(readdirSync(site.path("output"))).toEqual(["back"]);
  });

  it("leaves folders of logs for a day after their last change, however short the retention is", async () => {
    site.write("Logs/20261101/09/t01.log");
    site.write("Logs/20261102/10/t02.log");
    site.age();
    site.age(NOW - 86_000, "Logs/20261102");
    const artifacts = await site.open();
    for (const [task, hour] of [
      ["t01", "20261101/09"],
      ["t02", "20261102/10"],
    ] as const)
      expect(artifacts.logs.remove(task, [hour], NOW)).toMatchObject({ files: 1 });
    await artifacts.sweep({ ...sweepBefore(NOW), now: NOW });
    expect(site.tree("Logs")).toEqual(["20261102", "20261102/10"]);
  });
});
