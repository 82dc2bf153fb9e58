import { existsSync, linkSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { beforeEach, describe, expect, it, test } from "vitest";
import { openLedger, withoutSecrets } from "../../src/app/ledger.ts";
import { useFolder } from "../helpers/files.ts";

const at = useFolder();
let path: string;
beforeEach(() => {
  path = at("audit.jsonl");
});

const written = () => readFileSync(path, "utf8").split("\n").slice(0, -1);

describe("the file", () => {
  it("is created for its owner and group only, and appended to", async () => {
    for (const n of [1, 2]) {
      const file = await openLedger(path, [], () => 0);
      await file.append([{ n }]);
      await file.close();
    }
    expect(written()).toEqual(['{"n":1}', '{"n":2}']);
    expect(statSync(path).mode & 0o027).toBe(0);
  });

  it("takes whole lines from one that appends twice at once", async () => {
    const file = await openLedger(path, [], () => 0);
    await Promise.all([file.append([{ n: 1 }, { n: 2 }]), file.append([{ n: 3 }]), file.append([{ n: 4 }])]);
    await file.close();
    expect(written()).toEqual(['{"n":1}', '{"n":2}', '{"n":3}', '{"n":4}']);
  });

  it.each<[string, string, (other: string) => void]>([
    ["a link", "AUDIT_FAILED", () => symlinkSync(at("elsewhere"), path)],
    ["a link to the store file", "CONFIG_INVALID", (other) => symlinkSync(other, path)],
    ["a folder", "AUDIT_FAILED", () => (path = at())],
    ["in no folder", "AUDIT_FAILED", () => (path = at("no/audit.jsonl"))],
    ["a device", "AUDIT_FAILED", () => (path = "/dev/null")],
    ["the store file", "CONFIG_INVALID", (other) => (path = other)],
    ["another name of the store file", "CONFIG_INVALID", (other) => linkSync(other, path)],
  ])("is not %s", async (_, code, arrange) => {
    const store = at("voice_task.json");
    writeFileSync(store, "[]");
    arrange(store);
    await expect(openLedger(path, [store], () => 0)).rejects.toMatchObject({ code });
    expect(readFileSync(store, "utf8")).toBe("[]");
    expect(existsSync(at("elsewhere"))).toBe(false);
  });

  it("is not the store file that is not there yet, nor the one that a link names", async () => {
    const store = at("voice_task.json");
    await expect(openLedger(store, [store], () => 0)).rejects.toMatchObject({ code: "CONFIG_INVALID" });
    symlinkSync(at(), at("link"));
    const through = at("link/voice_task.json");
    await expect(openLedger(through, [store], () => 0)).rejects.toMatchObject({ code: "CONFIG_INVALID" });
    expect(existsSync(store)).toBe(false);
  });
});

test.each([
  [
    ["sync", "--redis-url", "redis://u:s3cret@h/1"],
    ["sync", "--redis-url", "redis://u:***@h/1"],
  ],
  [["--redis-url=redis://:s3cret@h"], ["--redis-url=redis://:***@h"]],
  [
    ["--redis-url", "unix:///run/r.sock?password=s3cret&db=1"],
    ["--redis-url", "unix:///run/r.sock?password=***&db=1"],
  ],
  [
    ["--redis-url", "u:s3cret@h"],
    ["--redis-url", "***@h"],
  ],
  [
    ["list", "rediss://u:s3cret@h"],
    ["list", "rediss://u:***@h"],
  ],
  [
    ["delete", "--user", "a@b", "--ids", "x://y"],
    ["delete", "--user", "a@b", "--ids", "x://y"],
  ],
])("%j is kept without secrets", (argv, kept) => {
  expect(withoutSecrets(argv)).toEqual(kept);
});
