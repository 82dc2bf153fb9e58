import { existsSync, linkSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
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
  it("takes whole lines from one that appends twice at once", async () => {
    await using file = await openLedger(path, at("voice_task.json"), null, () => 0);
    await Promise.all([file.append([{ n: 1 }, { n: 2 }]), file.append([{ n: 3 }]), file.append([{ n: 4 }])]);
    expect(written()).toEqual(['{"n":1}', '{"n":2}', '{"n":3}', '{"n":4}']);
  });

  it.each<[string, string, (other: string) => void]>([
    ["a link", "AUDIT_FAILED", () => symlinkSync(at("elsewhere"), path)],
    ["a device", "AUDIT_FAILED", () => (path = "/dev/null")],
    ["another name of the store file", "CONFIG_INVALID", (other) => linkSync(other, path)],
  ])("is not %s", async (_, code, arrange) => {
    const store = at("voice_task.json");
    writeFileSync(store, "[]");
    arrange(store);
    await expect(openLedger(path, store, null, () => 0)).rejects.toMatchObject({ code });
    expect(readFileSync(store, "utf8")).toBe("[]");
    expect(existsSync(at("elsewhere"))).toBe(false);
  });

  it("is not the store file that is not there yet, nor the one that a link names", async () => {
    const store = at("voice_task.json");
    await expect(openLedger(store, store, null, () => 0)).rejects.toMatchObject({ code: "CONFIG_INVALID" });
    symlinkSync(at(), at("link"));
    const through = at("link/voice_task.json");
    await expect(openLedger(through, store, null, () => 0)).rejects.toMatchObject({ code: "CONFIG_INVALID" });
    expect(existsSync(store)).toBe(false);
  });
});

test.each([
  [["sync", "--redis-url", "redis://u:s3cret@h/1"], "redis://u:***@h/1"],
  [["--redis-url=redis://:s3cret@h"], "--redis-url=redis://:***@h"],
  [["--redis-url", "unix:///run/r.sock?password=s3cret&db=1"], "unix:///run/r.sock?password=***&db=1"],
  [["--redis-url", "u:s3cret@h"], "***@h"],
  [["list", "rediss://u:s3cret@h"], "rediss://u:***@h"],
  [["delete", "--user", "a@b", "--ids", "x://y"], "x://y"],
])("%j is kept without secrets", (argv, last) => {
  expect(withoutSecrets(argv)).toEqual([...argv.slice(0, -1), last]);
});
