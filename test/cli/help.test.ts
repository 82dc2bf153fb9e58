import { spawn, spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, inject, it } from "vitest";
import { declareProgram } from "../../src/cli/program.ts";
import { usePlace } from "../e2e/setup.ts";
import { cleanEnv } from "../helpers/clean-env.ts";
import { ago, record } from "../helpers/records.ts";
import { binary } from "../helpers/ttsctl.ts";
import { invoke } from "./invoke.ts";

const here = usePlace();
const hasJq = existsSync("/usr/bin/jq");
const program = await declareProgram();
const help = (command: string) => invoke(`${command} --help`.trim().split(" "), { cwd: here.root.path });
const COMMANDS = program.commands.map((command) => command.name());

/** The examples of a help text, a line that goes on joined, without the remarks. */
function examplesIn(help: string): string[] {
  const text = help.slice(help.indexOf("\nExamples:\n")).replaceAll(/ \\\n */g, " ");
  return [...text.matchAll(/^ {2}(ttsctl.*?|\S.*?ttsctl.*?)(?: {2,}\S.*)?$/gm)].map((match) => match[1]!);
}

/** Examples are for a terminal: here --yes replaces the answer, and serve gets any free port. */
function inTest(example: string): string {
  const asks = /ttsctl (delete|rm|mark|import|sync .*--prune|verify .*--(repair|prune)|cleanup .*--orphans)/.test(
    example,
  );
  if (example.startsWith("ttsctl serve")) return `${example.replace(/ --port \d+/, "")} --port 0`;
  return asks && !/--yes|-y\b|--dry-run/.test(example) ? `${example} --yes` : example;
}

/** Runs an example in bash; one that has no end is ended when it has said something. */
function shell(example: string): Promise<{ code: number | null; text: string }> {
  const ttsctl = `"${process.execPath}" "${binary()}"`;
  const isEndless = /--watch|--follow|ttsctl (serve|events)/.test(example);
  const command = isEndless ? `exec ${example.replace("ttsctl", ttsctl)}` : `ttsctl() { ${ttsctl} "$@"; }; ${example}`;
  const child = spawn("bash", ["-c", command], {
    ...{ cwd: here.root.path, env: cleanEnv({ HOME: here.root.path }) },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let text = "";
  let isEnding = false;
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk) => {
      text += chunk;
      if (isEndless && !isEnding) child.kill("SIGINT");
      isEnding = true; // a second one would not be orderly
    });
  }
  return new Promise((resolve) => child.once("close", (code) => resolve({ code, text })));
}

async function fill(): Promise<void> {
  const tasks = [
    ...["t01", "t02", "t03"].map((task) => record("alice", task)),
    record("alice", "t04", { status: "running", updated_at: ago(30) }), // to follow
    record("alice", "t05", { status: "failed", updated_at: ago(30) }),
    record("bob", "t07", { status: "running", updated_at: ago(86_400 * 3) }),
    ...Array.from({ length: 20 }, (_, i) => record("carol", `n${i}`, { updated_at: ago(60 + i) })),
  ];
  here.root.writeStore(tasks);
  here.root.writeArtifacts(tasks.slice(0, 1));
  here.root.write("ids.json", '{"user_id": "alice", "task_ids": ["t01", "t02"]}');
  await here.mirrored(...tasks);
}

describe("help", () => {
  it.each(["", ...COMMANDS])("of %j is grouped, and fits 80 columns", async (command) => {
    const { code, stdout, stderr } = await help(command);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    for (const line of stdout.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
    const groups = command === "" ? ["Connection:", "Output:"] : ["Global Options:"];
    for (const group of groups) expect(stdout).toContain(`\n${group}\n`);
    if (command !== "") expect(stdout).toMatch(/\nExamples:\n {2}/);
  });

  it.each(COMMANDS)("of %s has examples that work", async (command) => {
    const { stdout } = await help(command);
    const examples = examplesIn(stdout);
    expect(examples.length).toBeGreaterThan(0);
    await fill();
    for (const example of examples) {
      if (/^jq/.test(example) && !hasJq) continue;
      if (command === "import")
        await here.run(`export --force --to ${/[\w-]+\.jsonl/.exec(example)?.[0] ?? "x.jsonl"}`);
      if (/\.gz/.test(example)) spawnSync("gzip", ["-kf", here.root.at("backup.jsonl")]);
      const { code, text } = await shell(inTest(example));
      const allowed = /--follow/.test(example) ? [0, 3, 130, null] : command === "top" ? [2] : [0, 3];
      if (command === "top") expect(text).toContain("top needs a terminal"); // so its flags were right
      expect(allowed, `${example}: ${text}`).toContain(code);
    }
  });
});

it("the man page is made of the same definitions: every command and flag is in it", () => {
  const source = readFileSync(join(inject("packageRoot"), "man/ttsctl.1"), "utf8");
  const page = source.replaceAll("\\-", "-").replaceAll("\\e", "\\");
  for (const command of program.commands) {
    expect(page).toContain(`.SS ${command.name()}`);
    for (const { flags, description } of command.options.filter(({ hidden }) => !hidden))
      expect(page).toContain(`.TP\n.B ${flags}\n${description}`);
  }
  for (const { flags } of program.options) expect(page).toContain(`.B ${flags}\n`);
});
