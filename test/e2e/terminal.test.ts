import { spawn } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { cleanEnv } from "../helpers/clean-env.ts";
import { redisProxy, type Verdict } from "../helpers/faults.ts";
import { hasPty, OnTerminal, onTerminal as started } from "../helpers/pty.ts";
import { ago, record } from "../helpers/records.ts";
import { binary } from "../helpers/ttsctl.ts";
import { usePlace } from "./setup.ts";

const here = usePlace();
const ESCAPE = "\u001b";

async function fill(): Promise<void> {
  here.root.writeStore([
    record("alice", "t1"),
    record("alice", "t2"),
    record("alice", "run", { status: "running", updated_at: ago(9) }),
  ]);
  await here.run("sync");
}

describe("on a terminal", () => {
  const onTerminal = (line: string, env = {}) => started(line.split(" "), here.root.path, env);

  it.each(["y", "Y", "yes"])("delete asks with the counted total, and deletes after %j", async (answer) => {
    await fill();
    const run = onTerminal("delete --user alice");
    await run.says(/Delete 2 tasks with audio and logs\? \[y\/N\]/);
    expect(here.root.readStore()).toHaveLength(3);
    run.type(`${answer}\r`);
    expect(await run.end()).toBe(3); // one is refused
    expect(here.root.readStore()).toHaveLength(1);
    expect(await here.server.call("ZCARD", "tts:tasks:index")).toBe(1);
  });

  it.each(["n", "", "yikes"])("changes nothing after %j", async (answer) => {
    await fill();
    const before = [here.root.tree(), await here.server.dump()];
    const run = onTerminal("delete --user alice");
    await run.says(/\[y\/N\]/);
    run.type(`${answer}\r`);
    expect(await run.end()).toBe(1);
    expect(run.text).toContain("declined: nothing was deleted");
    expect([here.root.tree(), await here.server.dump()]).toEqual(before);
  });

  it.runIf(hasPty)("is interrupted by Ctrl-C at the question, and changes nothing", async () => {
    await fill();
    const before = [here.root.tree(), await here.server.dump()];
    const run = new OnTerminal(["delete", "--user", "alice"], here.root.path);
    await run.says(/\[y\/N\]/);
    run.type("\u0003");
    expect(await run.end()).toBe(130);
    expect([here.root.tree(), await here.server.dump()]).toEqual(before);
  });

  it("takes the end of the input for no", async () => {
    await fill();
    const run = onTerminal("delete --user alice");
    await run.says(/\[y\/N\]/);
    run.type("\u0004");
    expect([1, 130]).toContain(await run.end());
    expect(here.root.readStore()).toHaveLength(3);
  });

  it("sync --prune asks too, and --yes asks nothing", async () => {
    await fill();
    here.root.writeStore([record("alice", "t1"), record("alice", "run")]);
    const run = onTerminal("sync --prune");
    await run.says(/Delete 1 Redis-only task\? \[y\/N\]/);
    run.type("y\r");
    expect(await run.end()).toBe(0);
    const second = onTerminal("delete --user alice --force --yes");
    expect(await second.end()).toBe(0);
    expect(second.text).not.toContain("[y/N]");
  });

  it("has colours and no more columns than the terminal, unless they are not wanted", async () => {
    await fill();
    const coloured = onTerminal("list");
    await coloured.end();
    expect(coloured.text).toContain(`${ESCAPE}[32mdone`);
    for (const [line, env] of [
      ["list", { NO_COLOR: "1" }],
      ["list --no-color", {}],
    ] as const) {
      const plain = onTerminal(line, env);
      await plain.end();
      expect(plain.text).toContain("done");
      expect(plain.text).not.toContain(ESCAPE);
    }
  });

  it("shows progress after a second, and shows the cursor again", async () => {
    here.root.writeStore(Array.from({ length: 20_000 }, (_, i) => record("alice", `t${i}`)));
    let began = 0;
    const slow = await redisProxy(here.server.port, async (): Promise<Verdict> => {
      if (performance.now() - began < 1500) await sleep(200);
      return "pass";
    });
    for (const [line, shown] of [
      ["sync", true],
      ["sync -q", false],
    ] as const) {
      await here.server.call("FLUSHALL");
      began = performance.now();
      const run = onTerminal(line, { REDIS_URL: slow.url });
      expect(await run.end()).toBe(0);
      expect(/syncing {2}\[#*-*\] \d+% {2}[\d,]+ of 20,000/.test(run.text)).toBe(shown);
      if (shown) expect(run.text.lastIndexOf(`${ESCAPE}[?25h`)).toBeGreaterThan(run.text.lastIndexOf(`${ESCAPE}[?25l`));
      expect(run.text).toContain("20000 written");
    }
    await slow.stop();
  });

  it("can't be controlled by a task's text", async () => {
    here.root.writeStore([
      record("alice", "\u001b]0;owned\u0007", { error: "\u001b[2J\u009b31m", status: "\u001b[5modd" }),
    ]);
    const run = onTerminal("list --no-color -o wide");
    await run.end();
    expect(run.text).toContain("\\u0");
    for (const steering of [ESCAPE, "\u009b", "\u0007"]) expect(run.text).not.toContain(steering);
  });
});

describe("a pipe", () => {
  async function shell(command: string): Promise<{ code: number | null; stdout: string; stderr: string }> {
    const env = cleanEnv({ TTSCTL: `${process.execPath} ${binary()}` });
    const child = spawn("bash", ["-c", `set -o pipefail; ${command}`], { cwd: here.root.path, env });
    let [stdout, stderr] = ["", ""];
    child.stdout.on("data", (chunk) => {
      stdout += chunk;
    });
    child.stderr.on("data", (chunk) => {
      stderr += chunk;
    });
    const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
    return { code, stdout, stderr };
  }

  it("that is closed early ends it quietly", async () => {
    here.root.configure(null);
    here.root.writeStore(Array.from({ length: 3000 }, (_, i) => record("alice", `t${i}`, { text: "x".repeat(2000) })));
    for (const format of ["table", "jsonl", "csv"]) {
      const run = await shell(`$TTSCTL list -q --page-size 1000 -o ${format} | head -1`);
      expect(run).toMatchObject({ code: 0, stderr: "" });
      expect(run.stdout.split("\n")).toHaveLength(2);
    }
  });

  it("gets all of a large output", async () => {
    here.root.configure(null);
    here.root.writeStore(Array.from({ length: 1000 }, (_, i) => record("alice", `t${i}`, { text: "x".repeat(2000) })));
    const run = await shell("$TTSCTL list --page-size 1000 -o jsonl | (sleep 0.3; wc -l)");
    expect(run).toMatchObject({ code: 0, stdout: "1000\n", stderr: "" });
  });

  it("that is full is an error", async () => {
    await fill();
    const run = await shell("$TTSCTL list -o json > /dev/full");
    expect(run.code).toBe(1);
    expect(run.stderr).toMatch(/^\{"error":".*ENOSPC.*"code":"OUTPUT_FAILED"[^\n]*\n$/);
  });

  it("has no colours, and the data alone on stdout", async () => {
    await fill();
    const run = await here.run("list");
    expect(run.stdout).not.toContain(ESCAPE);
    expect(run.stdout).not.toContain("page 1 of 1");
    expect(await here.run("list -q")).toMatchObject({ stderr: "" });
  });
});
