import { expect, it } from "vitest";
import { ago, record } from "../helpers/records.ts";
import { usePlace } from "./setup.ts";

const here = usePlace();

it("explains a task on stdout, as text or JSON, without a lock and without a change", async () => {
  here.root.writeStore([record("alice", "t\u001b[31m1"), record("alice", "young", { updated_at: ago(60) })]);
  const before = await here.state();
  const text = await here.runArgs(["cleanup", "--explain", "alice", "t\u001b[31m1"]);
  expect(text.code).toBe(0);
  expect(text.stdout).toMatch(
    /^alice:t.+ would be purged: expired\nRULE +RESULT +DETAIL\ncleanup +pass +on: retention 7d/,
  );
  expect(text.stdout).not.toContain("\u001b");
  const purge = { verdict: "purge", reason: "expired", redis: null, exit: 0, said: "" };
  expect(await here.json("cleanup --explain alice young --retention 30s --quiet")).toMatchObject(purge);
  expect(await here.json("cleanup --explain alice young")).toMatchObject({ verdict: "keep" });
  expect(await here.state()).toEqual(before);
});

it("says that a pass refuses the file of the published service without a layout", async () => {
  const times = { created_at: 1_577_865_600, updated_at: 1_577_865_600, segments_done: 3 };
  here.root.writeStore([{ ...record("alice", "t1"), ...times }]);
  expect(await here.json("cleanup --once")).toMatchObject({ code: "LAYOUT_MISMATCH" });
  const { verdict, rules } = await here.json("cleanup --explain alice t1");
  const saw = expect.stringMatching(/a pass refuses: .* looks like the store of the published service/);
  expect([verdict, rules[1]]).toEqual(["keep", { rule: "clocks", says: "keep", saw }]);
});

it("says that a copy which can't be read keeps a task", async () => {
  here.root.writeStore([record("alice", "t1")]);
  await here.server.call("SET", "tts:task:alice:t9", "a string");
  const { verdict, rules, exit } = await here.json("cleanup --explain alice t9");
  expect([verdict, exit]).toEqual(["keep", 0]);
  expect(rules.find(({ rule }: { rule: string }) => rule === "redis")).toMatchObject({ says: "keep" });
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
