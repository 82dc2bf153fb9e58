import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse as parseYaml } from "yaml";
import { formatsOf } from "../../src/cli/terminal.ts";
import { record } from "../helpers/records.ts";
import { ServiceRoot } from "../helpers/root.ts";
import { invoke } from "./invoke.ts";

const HOSTILE = "\u001b]0;owned\u0007\u009b31m\u202egpj.exe\u2066 \u{e0041}\u200b";
const USER = `al${HOSTILE}ice`;
const RECORD = record(USER, `t${HOSTILE}1`, {
  ...{ error: `line 1\nline 2\r${HOSTILE}`, text: HOSTILE, emoji: "👩\u200d🚀 می\u200cخواهم", [`f${HOSTILE}`]: 1 },
});
let root: ServiceRoot;
beforeAll(() => {
  root = new ServiceRoot();
  root.writeStore([RECORD, { ...record(USER, "t2"), updated_at: HOSTILE }]);
});
afterAll(() => root.remove());

const COMMANDS = [
  ["list"],
  ["list", "--limit", "5000"],
  ["query", "{}"],
  ["get", USER, RECORD.task_id],
  ["export"],
  ["stats"],
  ["doctor"],
  ["config", `--store=${HOSTILE}`],
];
const FORMATS = ["table", "wide", "json", "jsonl", "yaml", "csv"] as const;

describe.each(FORMATS)("-o %s", (format) => {
  it.each(COMMANDS.map((command) => [command[0]!, command] as const))(
    "shows a terminal nothing of %s that steers it or hides in it",
    async (name, command) => {
      if (!formatsOf(name).includes(format)) return;
      const argv = [...command, "-o", format, "--no-color"];
      const shown = await invoke(argv, { cwd: root.path, terminal: { columns: 200 } });
      for (const text of [shown.stdout, shown.stderr]) {
        expect(text.match(/(?![\n\t])[\p{Cc}\u200b\u202a-\u202e\u2066-\u2069\u{e0000}-\u{e007f}]/gu)).toBeNull();
      }
      expect(shown.stdout).not.toBe("");
    },
  );
});

describe("terminal output has the same meaning", () => {
  const shown = async (line: string, terminal?: { columns: number }) =>
    (await invoke([...line.split(" ")], { cwd: root.path, ...(terminal && { terminal }) })).stdout;

  it.each(["list -o json", "list -o jsonl", "export -o json"])("%s", async (line) => {
    const texts = [await shown(line), await shown(line, { columns: 80 })];
    expect(texts[0]).toContain("\u202e");
    expect(JSON.parse(texts[1]!)).toEqual(JSON.parse(texts[0]!));
  });

  it("list -o yaml, the same text in a pipe", async () => {
    const text = await shown("list -o yaml", { columns: 80 });
    expect(text).toBe(await shown("list -o yaml"));
    expect(parseYaml(text).items).toEqual([{ ...RECORD, status: "done" }]);
  });

  it("list -o csv, as it is in a pipe", async () => {
    expect(await shown("list -o csv")).toContain(HOSTILE);
    expect(await shown("list -o csv", { columns: 80 })).toContain("👩\u200d🚀 می\u200cخواهم");
  });
});
