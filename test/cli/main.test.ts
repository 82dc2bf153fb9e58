import { Writable } from "node:stream";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { watchInterval } from "../../src/app/cleanup.ts";
import { VERSION } from "../../src/version.ts";
import { record } from "../helpers/records.ts";
import { ServiceRoot } from "../helpers/root.ts";
import { invoke } from "./invoke.ts";

let root: ServiceRoot;
beforeEach(() => {
  root = new ServiceRoot();
  root.writeStore([record("alice", "t1"), record("bob", "t2", { status: "failed", error: "显存不足" })]);
});
afterEach(() => root.remove());

const run = (line: string, options = {}) => invoke(line.split(" "), { cwd: root.path, ...options });

describe("the command line", () => {
  it.each<[line: string | string[], said: RegExp, env?: Record<string, string>]>([
    ["list --page 0", /--page/],
    ["list --ids t1", /--ids.*--user/],
    ["list --status ,", /--status/],
    ["list --status doen", /mean done\?/],
    ["list -o jsn", /mean json/],
    ["list --no-such-flag", /no-such-flag' \(see ttsctl list --help\)$/m],
    ["lst", /'lst' \(Did you mean one of list, ls\?\)$/m],
    ["get", /task/],
    ["query", /JSON/],
    ["cleanup", /--once/],
    ['query {"limit":5} --limit 2', /limit is given twice/],
    ["cleanup --once --max-delete 101%", /101%/],
    ["delete", /no tasks chosen/],
    ["delete --all --user alice", /--all/],
    ["sync --max-delete 1.5", /1.5/],
    ["sync --max-delete 5", /--max-delete has no effect without --prune/],
    ["verify --dry-run", /--dry-run has no effect without --repair/],
    ["cleanup --orphans --backup b.jsonl", /--backup has no effect with --orphans/],
    ["cleanup --orphans --max-bytes 1kB", /--max-bytes has no effect with --orphans/],
    ["cleanup --explain t1 --metrics-file m", /--metrics-file has no effect/],
    ["list --stuck -s done", /done is never stuck/],
    ["delete --stuck --all --yes", /--all can't be used with a selection/],
    ["list --stuck --exit-status --watch", /--exit-status has no effect with --watch/],
    ["list --since 2026-11-01T08:00.5", /--since/],
    ["list --stuck alice", /too many arguments.*see ttsctl list --help/],
    ["list --stuck --watch 5", /--interval sets the seconds/],
    ["list --stuck", /stuck tasks aren't detected/, { TTSCTL_STUCK_AFTER: "0" }],
    // An empty variable of a shell chooses nothing.
    [["delete", "--status", "", "--yes"], /--status/],
    [["delete", "--user", "", "--yes"], /--user/],
    [["delete", "--user", "alice", "--ids", "", "--yes"], /--ids/],
    [["sync", "--user", " "], /--user/],
    [["get", "alice", ""], /task/],
  ])("%s is a usage error in one line", async (line, pattern, env = {}) => {
    const before = root.storeText();
    const argv = typeof line === "string" ? line.split(" ") : line;
    const { code, stdout, stderr } = await invoke(argv, { cwd: root.path, env });
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toMatch(/^error: [^\n]+\n$/);
    expect(stderr).toMatch(pattern);
    expect(root.storeText()).toBe(before);
  });

  it("prints its version and its help without touching anything", async () => {
    root.write("config.ini", "nonsense");
    expect(await run("--version")).toEqual({ code: 0, stdout: `${VERSION}\n`, stderr: "" });
    for (const line of ["--help", "-h", "help", "list --help", "help cleanup"]) {
      const { code, stdout, stderr } = await run(line);
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      expect(stdout).toContain("Usage: ttsctl");
    }
    expect((await run("help exit-codes")).stdout).toMatch(/130/);
    expect((await run("help environment")).stdout).toContain("TTSCTL_STORE");
  });
});

describe("errors", () => {
  it("are one JSON object with -o json, anywhere on the line", async () => {
    for (const line of ["-o json list --page 0", "list --page 0 --output=json", "list --page 0 -ojson"]) {
      const { code, stdout, stderr } = await run(line);
      expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
      expect(stderr.split("\n")).toHaveLength(2);
      const error = JSON.parse(stderr);
      expect(Object.keys(error)).toEqual(["error", "code", "hint"]);
      expect(error.code).toBe("USAGE");
    }
  });

  it.each(["list --page 0 -vv", "-v list --page 0 --verbose"])("have a stack with %s", async (line) => {
    expect((await run(line)).stderr).toContain("    at ");
  });

  it("of the output stream are errors, except a closed pipe", async () => {
    const failing = (code: string) =>
      new Writable({ write: (_chunk, _encoding, done) => done(Object.assign(new Error("no space"), { code })) });
    expect(await run("list -o json", { stdout: failing("ENOSPC") })).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('"code":"OUTPUT_FAILED"'),
    });
    expect(await run("list -o json", { stdout: failing("EPIPE") })).toMatchObject({ code: 0, stderr: "" });
  });
});

describe("a terminal", () => {
  const terminal = { columns: 60 };

  it("has colours and cut lines, and a pipe has neither", async () => {
    expect((await run("list", { terminal })).stdout).toContain("\u001b[32mdone");
    const { stdout } = await run("list");
    expect(stdout).not.toContain("\u001b");
    expect(stdout).toContain("显存不足");
  });

  const plain = [{ flag: " --no-color" }, { NO_COLOR: "1" }, { NO_COLOR: "1", FORCE_COLOR: "1" }, { TERM: "dumb" }];
  it.each(plain)("has no colours with %j", async ({ flag = "", ...env }) => {
    expect((await run(`list${flag}`, { terminal, env })).stdout).not.toContain("\u001b[3");
  });
});

const INTERVALS = { 0: 30, 60: 30, 600: 60, 86400: 300 };

it.each(Object.entries(INTERVALS))("watchInterval of a retention of %i s is %i s", (retention, interval) => {
  expect(watchInterval(Number(retention))).toBe(interval);
});
