import { describe, expect, it } from "vitest";
import { isExpired } from "../../src/operations/purge/policy.ts";
import { chosenRows, survey } from "../../src/operations/purge/survey.ts";
import { record } from "../helpers/records.ts";
import { useSite } from "./setup.ts";

const here = useSite();
const AT = 1_577_836_800;
const LIMITS = { now: AT + 9e6, done: AT + 86_400, error: AT + 86_400, member: AT + 86_400 };

describe("survey", () => {
  it("neither stalls nor repeats on thousands of equal scores and tasks that stay", { timeout: 20_000 }, async () => {
    const { site } = here;
    const members = Array.from({ length: 12_000 }, (_, i) => `u${i % 3}:t${i}`);
    const young = Array.from({ length: 3000 }, (_, i) => `u:y${i}`);
    await site.server.call("ZADD", "tts:tasks:index", ...members.flatMap((member) => [AT, member]));
    await site.server.call("ZADD", "tts:tasks:index", ...young.flatMap((member) => [AT + 9, member]));
    const snapshot = await site.file.read();
    const found = await survey(snapshot, [], site.mirror, ({ score }) => score <= AT);
    expect(found.others.map(({ userId, taskId }) => `${userId}:${taskId}`).sort()).toEqual(members.sort());
    expect(found.members).toBe(15_000);
    expect(found.onlyInRedis.size).toBe(15_000);
    expect(site.flaky.calls.filter((call) => call === "members").length).toBeLessThanOrEqual(31);
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
    expect(found.others).toEqual([{ userId: "a", taskId: "redis" }]);
    expect(found).toMatchObject({ members: 3 });
    expect(found.onlyInRedis.size).toBe(1);
    await snapshot.close();
  });

  it("finds in the file alone where there is no Redis", async () => {
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
