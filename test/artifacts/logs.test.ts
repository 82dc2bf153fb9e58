import { existsSync, mkdirSync, symlinkSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { NOW, openDescriptors, useSite } from "./helpers.ts";

const site = useSite();

describe("the logs of tasks", () => {
  it("finds and removes the logs of a task in every hour", async () => {
    site.write("Logs/20261101/09/t01.log");
    site.write("Logs/20261102/23/t01.log", "12345");
    site.write("Logs/20261102/23/t01.log.gz");
    site.write("Logs/20261102/23/t02.log");
    site.age();
    const before = openDescriptors();
    const artifacts = await site.open();
    const hours: string[] = [];
    const skipped = await artifacts.logs.walk(({ taskId, hour }) => void (taskId === "t01" && hours.push(hour)));
    expect(skipped).toEqual([]);
    const expected = { files: 2, bytes: 105, kept: 0, reasons: [], retry: false };
    expect(artifacts.logs.remove("t01", hours, NOW, true)).toEqual(expected);
    expect(artifacts.logs.remove("t01", hours, NOW)).toEqual(expected);
    expect(artifacts.logs.remove("t01", hours, NOW)).toEqual({ ...expected, files: 0, bytes: 0 });
    artifacts.close();
    expect(openDescriptors()).toBe(before);
    expect(site.tree("Logs").filter((line) => line.includes(" "))).toEqual([
      "20261102/23/t01.log.gz xxxxxxxxxx",
      "20261102/23/t02.log xxxxxxxxxx",
    ]);
  });

  it("keeps a log that is newer, a link or a folder, and says so", async () => {
    site.write("outside/secret.log");
    site.write("Logs/20261101/09/newer.log");
    mkdirSync(site.path("Logs/20261101/09/folder.log"));
    symlinkSync(site.path("outside/secret.log"), site.path("Logs/20261101/09/link.log"));
    site.age();
    site.age(NOW + 1, "Logs/20261101/09/newer.log");
    const artifacts = await site.open();
    for (const task of ["newer", "folder", "link"]) {
      expect(artifacts.logs.remove(task, ["20261101/09"], NOW, true)).toMatchObject({ files: 0, kept: 1 });
      const outcome = artifacts.logs.remove(task, ["20261101/09"], NOW);
      expect(outcome).toMatchObject({ files: 0, bytes: 0, kept: 1 });
      expect(outcome.reasons[0]).toContain(`"Logs/20261101/09/${task}.log"`);
    }
    expect(existsSync(site.path("Logs/20261101/09/link.log"))).toBe(true);
  });
});
