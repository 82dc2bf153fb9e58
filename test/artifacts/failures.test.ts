import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { NOW, Site } from "./helpers.ts";

type Hook = (path: string) => void;
const hooks = vi.hoisted(
  () =>
    ({
      unlink: undefined,
      rename: undefined,
      readdir: undefined,
      mkdir: undefined,
      opendir: undefined,
      readFile: undefined,
      fstat: undefined,
    }) as Record<string, Hook | undefined>,
);

vi.mock("node:fs", async (original) => {
  const actual = await original<typeof import("node:fs")>();
  const hooked =
    (name: "unlink" | "rename" | "readdir" | "opendir" | "mkdir" | "readFile") =>
    (path: unknown, ...rest: unknown[]) => {
      hooks[name]?.(String(path));
      return (actual[`${name}Sync`] as (...args: unknown[]) => unknown)(path, ...rest);
    };
  const fstatSync = (fd: number, options: object) => {
    hooks.fstat?.(actual.readlinkSync(`/proc/self/fd/${fd}`));
    return actual.fstatSync(fd, options);
  };
  return {
    ...actual,
    fstatSync,
    readFileSync: hooked("readFile"),
    unlinkSync: hooked("unlink"),
    renameSync: hooked("rename"),
    readdirSync: hooked("readdir"),
    opendirSync: hooked("opendir"),
    mkdirSync: hooked("mkdir"),
  };
});

function failing(code: string, errno: number, when: RegExp): Hook {
  return (path) => {
    if (when.test(path)) throw Object.assign(new Error(`${code}: raw ${path}`), { code, errno });
  };
}

let site: Site;

beforeEach(() => {
  site = new Site();
});
afterEach(async () => {
  for (const name of Object.keys(hooks)) hooks[name] = undefined;
  await site.remove();
});

it("puts back a directory from which nothing could be removed", async () => {
  site.write("output/alice/t01/t01.wav");
  site.age();
  const artifacts = await site.open();
  hooks.unlink = failing("EACCES", -13, /t01\.wav$/);
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
  site.write("output/alice/t01/t01.wav");
  site.age();
  const artifacts = await site.open();
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
