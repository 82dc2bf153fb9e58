import { expect, test } from "vitest";
import { type FileIdentity, sameContent, sameIdentity } from "../../../src/store/file/identity.ts";

const ONE: FileIdentity = { dev: 1n, ino: 2n, size: 3n, mtimeNs: 4n, ctimeNs: 5n };

test.each<[keyof FileIdentity, boolean]>([
  ["dev", false],
  ["ino", false],
  ["size", false],
  ["mtimeNs", false],
  ["ctimeNs", true], // our own rename changes it
])("another %s alone is another identity; the same content: %j", (field, content) => {
  const other = { ...ONE, [field]: 9n };
  expect([sameIdentity(ONE, other), sameContent(ONE, other)]).toEqual([false, content]);
});

test("two looks at the same file, at no file, and at one of both", () => {
  expect([sameIdentity(ONE, { ...ONE }), sameContent(ONE, { ...ONE }), sameIdentity(null, null)]).toEqual([
    true,
    true,
    true,
  ]);
  expect([sameIdentity(ONE, null), sameIdentity(null, ONE)]).toEqual([false, false]);
});
