import { existsSync, lstatSync, mkdirSync, readdirSync, symlinkSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { useSite } from "./helpers.ts";

const PARKED = "output/.ttsctl-purge/123-abc/alice/t01";
const site = useSite();

describe("recover", () => {
  it("puts back the directories that a killed pass left, and the next purge removes them", async () => {
    site.write(`${PARKED}/t01.wav`);
    site.write("output/.ttsctl-purge/124-def/bob/t02/a/t02.wav");
    mkdirSync(site.path("output/.ttsctl-purge/125-empty/carol"), { recursive: true });
    mkdirSync(site.path("output/alice"));
    site.age();
    const artifacts = await site.open();
    expect(artifacts.recover()).toEqual({ folders: 2, left: [] });
    expect(site.tree("output").filter((line) => line.includes(" "))).toEqual([
      "alice/t01/t01.wav xxxxxxxxxx",
      "bob/t02/a/t02.wav xxxxxxxxxx",
    ]);
    expect(existsSync(site.path("output/.ttsctl-purge"))).toBe(false);
    expect(artifacts.purgeFolder("alice", "t01", { mtime: Date.now() / 1000 + 1 })).toMatchObject({
      kind: "removed",
    });
  });

  it("merges missing files into a directory that exists again, and drops the rest", async () => {
    site.write(`${PARKED}/same.wav`, "old");
    site.write(`${PARKED}/only-old.wav`, "old");
    site.write(`${PARKED}/both/same.wav`, "old");
    site.write(`${PARKED}/both/only-old.wav`, "old");
    site.write(`${PARKED}/was-folder/x.wav`, "old");
    symlinkSync("/nowhere", site.path(`${PARKED}/link`));
    site.write("output/alice/t01/same.wav", "new");
    site.write("output/alice/t01/both/same.wav", "new");
    site.write("output/alice/t01/was-folder", "new");
    const artifacts = await site.open();
    expect(artifacts.recover()).toEqual({ folders: 1, left: [] });
    expect(site.tree("output")).toEqual([
      "alice",
      "alice/t01",
      "alice/t01/both",
      "alice/t01/both/only-old.wav old",
      "alice/t01/both/same.wav new",
      "alice/t01/link",
      "alice/t01/only-old.wav old",
      "alice/t01/same.wav new",
      "alice/t01/was-folder new",
    ]);
    expect(lstatSync(site.path("output/alice/t01/link")).isSymbolicLink()).toBe(true);
  });

  it("never puts anything back through a link", async () => {
    site.write(`${PARKED}/t01.wav`);
    site.write("output/.ttsctl-purge/123-abc/bob/t02/t02.wav");
    site.write("output/.ttsctl-purge/123-abc/.ttsctl-purge/t03/t03.wav");
    mkdirSync(site.path("outside"));
    symlinkSync(site.path("outside"), site.path("output/alice"));
    mkdirSync(site.path("output/bob"));
    symlinkSync(site.path("outside"), site.path("output/bob/t02"));
    symlinkSync(site.path("outside"), site.path("output/.ttsctl-purge/999-link"));
    const artifacts = await site.open();
    const { folders, left } = artifacts.recover();
    expect(folders).toBe(0);
    expect(left).toHaveLength(4);
    expect(readdirSync(site.path("outside"))).toEqual([]);
    expect(existsSync(site.path(`${PARKED}/t01.wav`))).toBe(true);
  });
});
