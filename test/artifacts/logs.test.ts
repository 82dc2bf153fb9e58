import { existsSync, mkdirSync, renameSync, symlinkSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { NOW, openDescriptors, Site } from "./helpers.ts";

let site: Site;

beforeEach(() => {
  site = new Site();
});
afterEach(() => site.remove());

describe("the log index", () => {
  it("finds and removes the logs of a task in every hour", async () => {
    site.write("Logs/20261101/09/t01.log");
    site.write("Logs/20261102/23/t01.log", "12345");
    site.write("Logs/20261102/23/t01.log.gz");
    site.write("Logs/20261102/23/t02.log");
    site.age();
    const before = openDescriptors();
    const artifacts = await site.open();
    const index = await artifacts.logs.index((task) => task === "t01");
    expect(index.skipped).toEqual([]);
    const expected = { files: 2, bytes: 105, kept: 0, reasons: [], retry: false };
    expect(index.measure("t01")).toEqual(expected);
    expect(index.remove("t01", NOW)).toEqual(expected);
    expect(index.remove("t01", NOW)).toEqual({ files: 0, bytes: 0, kept: 0, reasons: [], retry: false });
    expect(index.remove("t02", NOW)).toEqual({ files: 0, bytes: 0, kept: 0, reasons: [], retry: false });
    artifacts.close();
    expect(openDescriptors()).toBe(before);
    expect(site.tree("Logs").filter((line) => line.includes(" "))).toEqual([
      "20261102/23/t01.log.gz xxxxxxxxxx",
      "20261102/23/t02.log xxxxxxxxxx",
    ]);
  });

  it("ignores folders that the service does not name so, and links", async () => {
    const names = ["2026110/09", "202611011/09", "2026-1-1/09", "20261101/9", "20261101/009", "20261101/0a", "x/09"];
    for (const folder of names) site.write(`Logs/${folder}/t01.log`);
    site.write("Logs/t01.log");
    site.write("Logs/20261101/t01.log");
    site.write("Logs/20261101/08/sub/t01.log");
    site.write("outside/09/t01.log");
    symlinkSync(site.path("outside"), site.path("Logs/20261102"));
    symlinkSync(site.path("outside/09"), site.path("Logs/20261101/10"));
    site.age();
    const before = site.tree();
    const artifacts = await site.open();
    const index = await artifacts.logs.index(() => true);
    expect(index.skipped.toSorted()).toEqual([
      expect.stringContaining('"Logs/20261101/10" is a symbolic link'),
      expect.stringContaining('"Logs/20261102" is a symbolic link'),
    ]);
    expect(index.remove("t01", NOW)).toMatchObject({ files: 0, kept: 0 });
    expect(await artifacts.list([{ userId: "alice", taskId: "t01" }], "t01")).toEqual([]);
    expect(site.tree()).toEqual(before);
  });

  it("keeps a log that is newer, a link or a folder, and says so", async () => {
    site.write("outside/secret.log");
    site.write("Logs/20261101/09/newer.log");
    mkdirSync(site.path("Logs/20261101/09/folder.log"));
    symlinkSync(site.path("outside/secret.log"), site.path("Logs/20261101/09/link.log"));
    site.age();
    site.age(NOW + 1, "Logs/20261101/09/newer.log");
    const artifacts = await site.open();
    const index = await artifacts.logs.index(() => true);
    for (const task of ["newer", "folder", "link"]) {
      expect(index.measure(task, NOW)).toMatchObject({ files: 0, kept: 1 });
      const outcome = index.remove(task, NOW);
      expect(outcome).toMatchObject({ files: 0, bytes: 0, kept: 1 });
      expect(outcome.reasons[0]).toContain(`"Logs/20261101/09/${task}.log"`);
    }
    expect(existsSync(site.path("Logs/20261101/09/link.log"))).toBe(true);
  });

  it("does not follow a date that was moved out and replaced by a link during the run", async () => {
    site.write("Logs/20261101/09/t01.log");
    site.write("Logs/20261101/09/t02.log");
    site.age();
    const index = await (await site.open()).logs.index(() => true);
    expect(index.remove("t01", NOW)).toMatchObject({ files: 1 });
    renameSync(site.path("Logs/20261101"), site.path("archive"));
    symlinkSync(site.path("archive"), site.path("Logs/20261101"));
    expect(index.remove("t02", NOW)).toMatchObject({ files: 0, kept: 1 });
    expect(existsSync(site.path("archive/09/t02.log"))).toBe(true);
  });
});
