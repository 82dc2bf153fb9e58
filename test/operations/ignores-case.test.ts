import { basename, dirname, join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { record } from "../helpers/records.ts";
import { useSite } from "./setup.ts";

/** A file system that ignores case and Unicode form, as vfat and ext4 with casefold do: a name leads to an entry like it. */
vi.mock("node:fs", async (original) => {
  const actual = await original<typeof import("node:fs")>();
  const folded = (name: string) => name.normalize("NFC").toLowerCase();
  const resolved = (path: unknown): unknown => {
    if (typeof path !== "string" || !/\/proc\/self\/fd\/\d+\/./.test(path)) return path;
    const slash = path.endsWith("/") ? "/" : "";
    const [folder, name] = [dirname(path), basename(path)];
    const entry = actual.readdirSync(folder).find((entry) => folded(entry) === folded(name));
    return join(folder, entry ?? name) + slash;
  };
  const names = ["lstatSync", "openSync", "unlinkSync", "rmdirSync", "renameSync"] as const;
  const hooked = names.map((name) => {
    const call = actual[name] as (...args: unknown[]) => unknown;
    return [name, (path: unknown, ...rest: unknown[]) => call(resolved(path), ...rest)];
  });
  return { ...actual, ...Object.fromEntries(hooked) };
});

const here = useSite();
const running = { status: "running" };

describe.each([
  ["case", ["Alice", "T1"], ["alice", "t1"]],
  ["the case of the task", ["alice", "T1"], ["alice", "t1"]],
  ["Unicode form", ["alice", "e\u0301"], ["alice", "\u00e9"]],
] as const)("on a file system that ignores %s", (_, [user, task], [otherUser, otherTask]) => {
  const paths = [`output/${otherUser}/${otherTask}/${otherTask}.wav`, `Logs/20200101/08/${otherTask}.log`];
  const are = () => paths.map((path) => here.site.root.has(path));

  async function lay(...records: ReturnType<typeof record>[]): Promise<void> {
    await here.site.writeBoth(...records);
    here.site.root.writeArtifacts([{ user_id: otherUser, task_id: otherTask }]);
  }

  it("a purge keeps the artifacts of a running task", async () => {
    await lay(record(user, task), record(otherUser, otherTask, running));
    const { result } = await here.site.cleanup();
    expect([result, are()]).toMatchObject([{ purged: 1, files: 0 }, [true, true]]);
  });

  it("a purge of both removes them once", async () => {
    await lay(record(user, task), record(otherUser, otherTask));
    const { result } = await here.site.cleanup();
    expect([result, are()]).toMatchObject([{ purged: 2, files: 2 }, [false, false]]);
  });

  it("--orphans keeps them for the other task", async () => {
    await lay(record(user, task, running));
    await here.site.cleanUpOrphans();
    expect(are()).toEqual([true, true]);
  });
});
