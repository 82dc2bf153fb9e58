import { describe, expect, it } from "vitest";
import { ListedFile } from "../../src/operations/listed-file.ts";
import { isExpired } from "../../src/operations/purge/policy.ts";
import { chosenRows, survey } from "../../src/operations/purge/survey.ts";
import { record } from "../helpers/records.ts";
import { useSite } from "./setup.ts";

const here = useSite();
const AT = 1_577_836_800;
const LIMITS = { now: AT + 9e6, done: AT + 86_400, error: AT + 86_400, member: AT + 86_400 };

describe("survey", () => {
  it("neither stalls nor repeats on thousands of equal scores and kept tasks", { timeout: 20_000 }, async () => {
    const { site } = here;
    const members = Array.from({ length: 12_000 }, (_, i) => `u${i % 3}:t${i}`);
    const young = Array.from({ length: 3000 }, (_, i) => `u:y${i}`);
    await site.server.call("ZADD", "tts:tasks:index", ...members.flatMap((member) => [AT, member]));
    await site.server.call("ZADD", "tts:tasks:index", ...young.flatMap((member) => [AT + 9, member]));
    const snapshot = await site.file.read();
    const found = await survey(snapshot, [], site.mirror, ({ score }) => score <= AT);
    expect([...found.others.ids()].map(({ userId, taskId }) => `${userId}:${taskId}`).sort()).toEqual(members.sort());
    expect(found.members).toBe(15_000);
    expect((await survey(snapshot, [], site.mirror, (_, inFile) => !inFile)).others.size).toBe(15_000);
    expect(site.flaky.calls.filter((call) => call === "scan").length).toBeLessThanOrEqual(31);
    await snapshot.close();
  });

  it.each([
    ["its own score each", (i: number) => AT - i],
    ["one score", () => AT],
    ["few scores", (i: number) => AT - Math.floor(i / 1700)],
  ])("up to a limit asks for no more than that, of tasks with %s", async (_, score) => {
    const { site } = here;
    const ids = Array.from({ length: 5000 }, (_, i) => `t${i}`);
    await site.server.call("ZADD", "tts:tasks:index", ...ids.flatMap((id, i) => [score(i), `u:${id}`]));
    const young = Array.from({ length: 5000 }, (_, i) => [AT + 1, `u:y${i}`]).flat();
    await site.server.call("ZADD", "tts:tasks:index", ...young);
    site.root.writeStore([record("u", "t7"), record("u", "t8")]);
    const snapshot = await site.file.read();
    const found = await survey(snapshot, [snapshot.rowOf("u", "t7")], site.mirror, () => true, AT);
    const others = [...found.others.ids()].map(({ taskId }) => taskId);
    expect(others.sort()).toEqual(ids.filter((id) => id !== "t7").sort());
    expect(found).toMatchObject({ rows: [0], members: 10_000 });
    expect(site.flaky.calls.filter((call) => call === "walkInOrder").length).toBe(6);
    await snapshot.close();
  });

  it("misses nothing and names nothing twice if a service moves tasks during the walk", async () => {
    const { site } = here;
    const ids = Array.from({ length: 4000 }, (_, i) => `t${i}`);
    await site.server.call("ZADD", "tts:tasks:index", ...ids.flatMap((id, i) => [AT + i, `u:${id}`]));
    let moved = 0;
    site.flaky.afterCall(async () => {
      await site.server.call("ZADD", "tts:tasks:index", AT + 9999 + moved, `u:t${moved}`);
      moved++;
    });
    const snapshot = await site.file.read();
    const found = await survey(snapshot, [], site.mirror, () => true);
    expect(moved).toBeGreaterThan(2);
    expect([...found.others.ids()].map(({ taskId }) => taskId).sort()).toEqual(ids.sort());
    expect((await survey(snapshot, [], site.mirror, (_, inFile) => !inFile)).others.size).toBe(4000);
    expect(found.members).toBe(4000);
    const listed = await ListedFile.read(snapshot, site.mirror, undefined, site.stop.signal);
    expect(listed.members).toBe(4000);
    expect(listed.orphans.size).toBe(4000);
    await snapshot.close();
  });

  it("names a task once, whether both stores have it or one", async () => {
    const { site } = here;
    await site.writeBoth(record("a", "both"), record("a", "young", { updated_at: "2021-01-01T00:00:00" }));
    await site.writeRedis(record("a", "redis"));
    const snapshot = await site.file.read();
    const rows = chosenRows(snapshot, (_, copy) => isExpired(copy, LIMITS));
    const found = await survey(snapshot, rows, site.mirror, ({ score }) => score <= AT + 86_400);
    expect(found.rows).toHaveLength(1);
    expect([...found.others.ids()]).toEqual([{ userId: "a", taskId: "redis" }]);
    expect(found).toMatchObject({ members: 3 });
    expect((await survey(snapshot, [], site.mirror, (_, inFile) => !inFile)).others.size).toBe(1);
    await snapshot.close();
  });

  it("uses only the file without Redis", async () => {
    const { site } = here;
    site.root.writeStore([
      ...[record("a", "t1"), record("a", "t2", { status: "failed" }), record("a", "t3", { status: "queued" })],
      ...[record("a", "t4", { status: "odd" }), record("a", "t5", { updated_at: "2020-01-02T00:00:00.000001" })],
      ...[record("a", "t6", { updated_at: "2020-01-02T00:00:00" }), { user_id: "a", task_id: "t7", status: "done" }],
    ]);
    const snapshot = await site.file.read();
    const rows = chosenRows(snapshot, (_, copy) => isExpired(copy, LIMITS));
    const tasks = await snapshot.readTasks((await survey(snapshot, rows, null, () => true)).rows);
    expect(tasks.map(({ taskId }) => taskId)).toEqual(["t1", "t2", "t6"]);
    await snapshot.close();
  });
});
