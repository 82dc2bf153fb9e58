import stringWidth from "string-width";
import { expect, it } from "vitest";
import { invoke } from "../cli/invoke.ts";
import { ago, record } from "../helpers/records.ts";
import { lines } from "../helpers/ttsctl.ts";
import { usePlace } from "./setup.ts";

const here = usePlace();
const UTF8 = { LANG: "C.UTF-8" };
const WIDE = "用户".repeat(8);
const TASKS = [
  record("alice", "t1", { updated_at: ago(200) }),
  record(WIDE, "任务一", { status: "failed", error: "合成失败：显存不足。".repeat(6), updated_at: ago(7300) }),
  record("bob", "t2", { status: "running", updated_at: ago(3.5 * 86_400) }),
  record("bob", "later", { status: "queued", updated_at: ago(-7300) }),
];

const onTerminal = (line: string, columns = 80, env: Record<string, string> = UTF8) =>
  invoke(line.split(" "), { cwd: here.root.path, env, terminal: { columns } });

it("times are as --time says", async () => {
  await here.synced(...TASKS);
  for (const [style, text] of [
    ["raw", String(TASKS[0]!.updated_at)],
    ["iso", "+00:00"],
    ["age", "3m"],
  ] as const) {
    const line = `list --no-color --time ${style}`;
    for (const run of [await onTerminal(line, 120), await here.run(line)]) {
      expect(run.code).toBe(0);
      expect(run.stdout, style).toContain(text);
    }
  }
  for (const line of ["list --time ages", "list --time age -o json"]) expect((await here.run(line)).code).toBe(2);
});

it.each<[Record<string, string>, string]>([
  [{ LC_ALL: "C", LANG: "zh_CN.UTF-8" }, "~"],
  [{ LANG: "POSIX" }, "~"],
  [UTF8, "…"],
  [{}, "…"],
])("texts that are cut with %j end in %s", async (env, mark) => {
  await here.synced(...TASKS);
  const printed = async (line: string, columns = 50) => (await onTerminal(line, columns, env)).stdout;
  const listed = await printed("list --no-color --no-pager --columns task,error");
  const shown = await printed("get alice t1 --no-color", 30);
  for (const text of [listed, shown]) expect(text.replace(/[^~…]/g, "")).toMatch(new RegExp(`^${mark}+$`));
  for (const line of lines(listed)) expect(stringWidth(line), line).toBeLessThanOrEqual(50);
  here.root.writeStore([record("alice", "t1", { text: "once upon…" })]);
  expect(await printed("list -o json --source file")).toContain('"once upon…"');
});
