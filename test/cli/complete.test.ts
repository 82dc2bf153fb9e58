import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { shellQuote } from "../../src/printable.ts";
import { usePlace } from "../e2e/setup.ts";
import { anyChar } from "../helpers/any-char.ts";
import { cleanEnv } from "../helpers/clean-env.ts";
import { hasPty, SCRIPT } from "../helpers/pty.ts";
import { record } from "../helpers/records.ts";
import { binary, lines } from "../helpers/ttsctl.ts";
import { invoke } from "./invoke.ts";

const here = usePlace();
const COMMANDS = ["$(touch pwned)", "`touch pwned`", ";touch pwned", "!!"];
const HOSTILE = [...COMMANDS, "a b", "it's", '"', "~", "*", "a:b", "\\", "é字"];
/** A program of bash, with what it prints. */
const bash = (args: readonly string[], input = "") =>
  spawnSync("bash", ["--norc", ...args], { cwd: here.root.path, encoding: "utf8", env: cleanEnv(), input });
const wordsOf = (printed: string) => printed.split("\0").slice(0, -1);

const text = fc.string({ unit: fc.constantFrom(..."ab字 '\"$`\\!;&|<>(){}[]*?~#=:\n\t"), maxLength: 12 });

it("quoting makes one word of any text, which a real shell reads back, expanding nothing", () => {
  const samples = [...HOSTILE, ...fc.sample(fc.string({ unit: anyChar, minLength: 1 }), 200), ...fc.sample(text, 400)]
    .map((sample) => sample.replaceAll("\0", "").toWellFormed())
    .filter((sample) => sample !== "");
  const script = samples.map((sample) => `printf '%s\\0' ${shellQuote(sample)}`).join("\n");
  const { stdout, stderr } = bash([], script);
  expect([stderr, ...wordsOf(stdout)]).toEqual(["", ...samples]);
  expect(existsSync(here.root.at("pwned"))).toBe(false);
});

describe("__complete", () => {
  const ask = async (line: string, env = {}) => {
    const run = await invoke(["__complete", "bash", line], { cwd: here.root.path, env });
    expect(run).toMatchObject({ code: 0, stderr: "" });
    const [directives, ...found] = lines(run.stdout);
    return { directives, found };
  };
  const TASKS = [record("alice", "t1"), record("alice", "t2"), record("bob", "t3")];

  it.each([
    ["ttsctl li", ["list"]],
    ["ttsctl list --sou", ["--source"]],
    ["ttsctl list --source ", ["auto", "redis", "file"]],
    ["ttsctl get -o i", []],
    ["ttsctl list --status done,e", ["done,error"]],
    ["ttsctl mark --to r", ["run"]],
    ["ttsctl export --to r", []],
    ["ttsctl help e", ["events", "export", "exit-codes", "environment"]],
    ["true; ttsctl compl", ["completion"]],
    ["ttsctl get al", ["alice"]],
    ["ttsctl get alice t", ["t1", "t2"]],
    ["ttsctl list -u alice --ids t1,t", ["t1,t1", "t1,t2"]],
    ["ttsctl list --ids t", []],
    ["ttsctl list --ids bob:t3,alice:", ["t1", "t2"]],
    ["ttsctl logs alice:t", ["t1", "t2"]],
    ["ttsctl nonsense --what ", []],
  ])("%j", async (line, found) => {
    here.root.writeStore(TASKS);
    expect((await ask(line)).found.sort()).toEqual([...found].sort()); // from the file
    await here.mirrored(...TASKS);
    here.root.rename("voice_task.json", "away.json");
    expect((await ask(line)).found.sort()).toEqual([...found].sort()); // from Redis
  });

  it("never fails: without a store, with a wrong configuration, with a Redis that hangs", async () => {
    expect((await ask("ttsctl get ")).found).toEqual([]);
    here.root.write("config.ini", "nonsense");
    expect((await ask("ttsctl get ")).found).toEqual([]);
    here.root.configure(here.server.port);
    here.root.writeStore(TASKS);
    here.server.suspend();
    const { found } = await ask("ttsctl get ").finally(() => here.server.resume());
    expect(found.sort()).toEqual(["alice", "bob"]);
    here.root.write("voice_task.json", "[{");
    expect((await ask("ttsctl get ")).found).toEqual([]);
  });
});

describe("the bash script", () => {
  /** Completes a line in a real bash, and hands what it becomes to a command that prints its arguments. */
  function completed(line: string): string[] {
    const ttsctl = `"${process.execPath}" "${binary()}"`;
    const program = `
      ttsctl() { if [ "$1" = __complete ]; then ${ttsctl} "$@"; else printf '%s\\0' "$@"; fi; }
      source <(${ttsctl} completion bash)
      compopt() { :; }
      COMP_LINE=$1 COMP_POINT=\${#1} COMP_WORDS=(ttsctl)
      _ttsctl
      for reply in "\${COMPREPLY[@]}"; do eval "ttsctl \${2}$reply"; done`;
    const kept = line.slice("ttsctl ".length, Math.max(line.lastIndexOf(" "), line.search(/[:=][^:= ]*$/)) + 1);
    const { stdout, stderr } = bash(["-c", program, "bash", line, kept]);
    expect(stderr).toBe("");
    return wordsOf(stdout);
  }

  it("gives hostile ids back as single words, and runs nothing of them", () => {
    here.root.writeStore(HOSTILE.map((task) => record("u", task)));
    const words = completed("ttsctl get u ");
    expect(words.filter((_, i) => i % 3 === 2).sort()).toEqual([...HOSTILE].sort());
    expect(completed("ttsctl get u a:")).toEqual(["get", "u", "a:b"]);
    expect(completed("ttsctl get --source=f")).toEqual(["get", "--source=file"]);
    expect(existsSync(here.root.at("pwned"))).toBe(false);
  });

  it.runIf(hasPty)("works at a prompt", () => {
    here.root.writeStore([record("al ice", "$(touch pwned)x")]);
    here.root.write("bin/ttsctl", `#!/bin/sh\nexec "${process.execPath}" "${binary()}" "$@"\n`);
    spawnSync("chmod", ["755", here.root.at("bin/ttsctl")]);
    here.root.write("rc", "source <(ttsctl completion bash)\nPS1='> '\nbind 'set enable-bracketed-paste off'\n");
    const env = cleanEnv({ TERM: "dumb" });
    const run = spawnSync(SCRIPT, ["-qec", `bash --rcfile rc -i`, "/dev/null"], {
      cwd: here.root.path,
      env: { ...env, PATH: `${join(here.root.path, "bin")}:${env.PATH}` },
      input: "ttsctl get a\t\t -o json\rexit\r",
      encoding: "utf8",
      timeout: 30_000,
    });
    expect(run.stdout).toContain('"user_id":"al ice"');
    expect(run.stdout).toContain('"task_id":"$(touch pwned)x"');
    expect(existsSync(here.root.at("pwned"))).toBe(false);
  });

  it.each(["zsh", "fish"])("%s can read its script if it is installed", async (shell) => {
    const { stdout, code } = await here.run(`completion ${shell}`);
    expect({ code, named: stdout.includes("__complete") }).toEqual({ code: 0, named: true });
    const run = spawnSync(shell, ["-n"], { input: stdout, encoding: "utf8" });
    if (run.error === undefined) expect(run).toMatchObject({ status: 0, stderr: "" });
  });
});
