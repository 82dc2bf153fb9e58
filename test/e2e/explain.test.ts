import { expect, it } from "vitest";
import { invoke } from "../cli/invoke.ts";
import { ago, record } from "../helpers/records.ts";
import { lines } from "../helpers/ttsctl.ts";
import { usePlace } from "./setup.ts";

const here = usePlace();

it("explains a task on stdout, as text or JSON, without a lock and without a change", async () => {
  here.root.writeStore([record("alice", "t\u001b[31m1"), record("alice", "young", { updated_at: ago(60) })]);
  const before = [here.root.tree(), await here.server.dump()];
  const text = await here.runArgs(["cleanup", "--explain", "alice", "t\u001b[31m1"]);
  expect(text.code).toBe(0);
  expect(text.stdout).toMatch(
    /^alice:t.+ would be purged: expired\nRULE +RESULT +DETAIL\ncleanup +pass +on: retention 7d/,
  );
  expect(text.stdout).not.toContain("\u001b");
  const json = await here.run("cleanup --explain alice young -o json --retention 30s --quiet");
  expect([json.code, json.stderr]).toEqual([0, ""]);
  expect(JSON.parse(json.stdout)).toMatchObject({ verdict: "purge", reason: "expired", redis: null });
  expect((await here.run("cleanup --explain alice young")).stdout).toContain("would be kept: no rule purges it");
  expect([here.root.tree(), await here.server.dump()]).toEqual(before);
});

it("breaks its details at words on a narrow terminal", async () => {
  here.root.writeStore([record("alice", "t1")]);
  const options = { cwd: here.root.path, terminal: { columns: 60 } };
  const { stdout } = await invoke(["cleanup", "--no-color", "--explain", "alice", "t1"], options);
  for (const line of lines(stdout)) expect(line.length).toBeLessThanOrEqual(60);
  expect(stdout).toMatch(/^store +pass .*\n {19}\S/m);
});

it("says that a pass refuses the file of the published service without a layout", async () => {
  const times = { created_at: 1_577_865_600, updated_at: 1_577_865_600, segments_done: 3 };
  here.root.writeStore([{ ...record("alice", "t1"), ...times }]);
  expect((await here.run("cleanup --once -o json")).stderr).toContain("LAYOUT_MISMATCH");
  const { verdict, rules } = JSON.parse((await here.run("cleanup --explain alice t1 -o json")).stdout);
  const saw = expect.stringMatching(/a pass refuses: .* looks like the store of the published service/);
  expect([verdict, rules[1]]).toEqual(["keep", { rule: "clocks", says: "keep", saw }]);
});

it.each([
  ["cleanup --explain alice none", 3, /neither store/],
  ["cleanup --explain alice:t1", 0, /alice:t1 would be purged/],
  ["cleanup --explain t1", 0, /alice:t1 would be purged/],
  ["cleanup --explain none", 3, /not found: /],
  ["cleanup --explain", 2, /needs a task id/],
  ["cleanup --explain --once alice t1", 2, /one of/],
  ["cleanup --once alice t1", 2, /--explain/],
])("%s: exit code %i", async (line, code, said) => {
  here.root.writeStore([record("alice", "t1")]);
  const run = await here.run(line);
  expect([run.code, run.stdout + run.stderr]).toEqual([code, expect.stringMatching(said)]);
});
