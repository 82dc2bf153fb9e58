import { readFileSync, statSync } from "node:fs";
import { expect, test } from "vitest";
import { TargetFile } from "../../../src/operations/export/target-file.ts";
import { namesIn, useFolder } from "../../helpers/files.ts";

const path = useFolder();

test("a file appears when it is complete, readable only by its owner", async () => {
  const text = "文".repeat(100_000);
  const file = await TargetFile.open(path("a"), false, []);
  await file.write([text]);
  expect(namesIn(path())).toEqual([expect.stringMatching(/^\.a\.\d+\.part$/)]);
  await file.finish();
  await file.close();
  expect([readFileSync(path("a"), "utf8") === text, statSync(path("a")).mode & 0o777]).toEqual([true, 0o600]);
  expect(namesIn(path())).toEqual(["a"]);
});
