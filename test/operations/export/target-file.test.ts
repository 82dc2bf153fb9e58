import { readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { TargetFile } from "../../../src/operations/export/target-file.ts";
import { namesIn, useFolder } from "../../helpers/files.ts";

const path = useFolder();
const write = async (name: string, overwrite: boolean, text: string, beforeFinish: () => void = () => {}) => {
  const file = await TargetFile.open(path(name), overwrite, [path("store.json")]);
  try {
    await file.write([text]);
    beforeFinish();
    await file.finish();
  } finally {
    await file.close();
  }
};

test("a file appears when it is complete, readable only by its owner", async () => {
  const text = "文".repeat(100_000);
  await write("a", false, text, () => expect(namesIn(path())).toEqual([expect.stringMatching(/^\.a\.\d+\.part$/)]));
  expect([readFileSync(path("a"), "utf8") === text, statSync(path("a")).mode & 0o777]).toEqual([true, 0o600]);
  expect(namesIn(path())).toEqual(["a"]);
});

test("an unfinished one leaves no file", async () => {
  const file = await TargetFile.open(path("a"), false, []);
  await file.write(["half"]);
  await file.close();
  expect(namesIn(path())).toEqual([]);
});

test.each(["store.json", "link", "missing"])("never over a file of ours: %s", async (name) => {
  writeFileSync(path("store.json"), "[]");
  symlinkSync("store.json", path("link"));
  const opened = TargetFile.open(path(name), true, [path("store.json"), path("missing")]);
  await expect(opened).rejects.toMatchObject({ code: "USAGE" });
  expect(readFileSync(path("store.json"), "utf8")).toBe("[]");
});
