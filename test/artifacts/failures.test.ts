import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { afterEach, expect, it, vi } from "vitest";
import { NOW, useSite } from "./helpers.ts";

const hooks = vi.hoisted(() => ({ unlink: (_path: string) => {} }));

vi.mock("node:fs", async (original) => {
  const actual = await original<typeof import("node:fs")>();
  const unlinkSync = (path: string) => {
    hooks.unlink(path);
    return actual.unlinkSync(path);
  };
  return { ...actual, unlinkSync };
});

const site = useSite();
afterEach(() => {
  hooks.unlink = () => {};
});

it("puts back a directory from which nothing could be removed", async () => {
  const artifacts = await site.laid("output/alice/t01/t01.wav");
  hooks.unlink = () => {
    throw Object.assign(new Error("raw"), { code: "EACCES", errno: -13 });
  };
  expect(artifacts.purgeFolder("alice", "t01", { mtime: NOW })).toEqual({
    kind: "kept",
    newer: false,
    retry: true,
    reason: 'cannot remove "output/alice/t01/t01.wav": permission denied (EACCES)',
  });
  artifacts.close();
  expect(site.tree("output")).toEqual(["alice", "alice/t01", "alice/t01/t01.wav xxxxxxxxxx"]);
});

it("puts back a directory that was written to after it was read", async () => {
  const artifacts = await site.laid("output/alice/t01/t01.wav");
  hooks.unlink = () => {
    const [container] = readdirSync(site.path("output/.ttsctl-purge"));
    site.write(`output/.ttsctl-purge/${container}/alice/t01/late.wav`, "late");
  };
  expect(artifacts.purgeFolder("alice", "t01", { mtime: NOW })).toMatchObject({ kind: "kept", newer: true });
  expect(site.tree("output/alice")).toEqual(["t01", "t01/late.wav late"]);
});

it.each([
  ["a symbolic link", (path: string) => symlinkSync(tmpdir(), path)],
  ["a file", (path: string) => writeFileSync(path, "")],
  ["a named pipe", (path: string) => void execFileSync("mkfifo", [path])],
])("keeps the task if the purge area is %s", async (_, make) => {
  site.write("output/alice/t01/t01.wav");
  site.age();
  make(site.path("output/.ttsctl-purge"));
  const artifacts = await site.open();
  expect(artifacts.purgeFolder("alice", "t01", { mtime: NOW })).toMatchObject({
    ...{ kind: "kept", newer: false, retry: true },
    reason: expect.stringContaining(".ttsctl-purge"),
  });
  artifacts.close();
  expect(existsSync(site.path("output/alice/t01/t01.wav"))).toBe(true);
});
