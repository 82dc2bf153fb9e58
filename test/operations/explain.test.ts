import fc from "fast-check";
import { expect, it } from "vitest";
import { ago, record } from "../helpers/records.ts";
import type { RecordJson } from "../helpers/root.ts";
import { type Site, useSite } from "./setup.ts";

const here = useSite();
const HOUR = 3600;

const anyCopy = fc.record({
  status: fc.constantFrom("succeeded", "succeeded", "failed", "running", "odd"),
  age: fc.constantFrom(-2, 0, 3, 5, 9, 30),
});
/** One task: its copies, what else Redis has of it, and whether it has audio, old or new. */
const anyTask = fc.record({
  file: fc.option(anyCopy),
  redis: fc.option(anyCopy),
  same: fc.boolean(),
  odd: fc.constantFrom("none", "none", "none", "dangling", "unindexed", "invalid"),
  audio: fc.constantFrom("none", "old", "old", "new"),
});
const anyPolicy = fc.record({
  retention: fc.constantFrom(4 * HOUR, 8 * HOUR),
  retentionDone: fc.constantFrom(null, 0, 2 * HOUR, 20 * HOUR),
  retentionError: fc.constantFrom(null, 0, 2 * HOUR),
  keepLast: fc.constantFrom(0, 0, 1, 2),
  maxBytes: fc.constantFrom(0, 1, 150, 350),
});

it("an explanation agrees with a dry run for every task, with the rule that decides", { timeout: 60_000 }, async () => {
  const { site } = here;
  await fc.assert(
    fc.asyncProperty(fc.array(anyTask, { minLength: 1, maxLength: 7 }), anyPolicy, async (tasks, policy) => {
      await arrange(site, tasks);
      site.purged.length = 0;
      await site.cleanup({ ...policy, dryRun: true });
      const reasons = new Map(site.purged.map(({ taskId, reason }) => [taskId, reason]));
      for (const i of tasks.keys()) {
        const explanation = await site.explain(userOf(i), `t${i}`, policy);
        expect([i, explanation.reason]).toEqual([i, reasons.get(`t${i}`) ?? null]);
        const says = explanation.rules.map((rule) => rule.says);
        expect(explanation.verdict === "purge").toBe(says.includes("purge") && !says.includes("keep"));
      }
    }),
    { numRuns: 25 },
  );
});

const userOf = (i: number) => (i % 3 === 0 ? "b" : "a");

async function arrange(site: Site, tasks: readonly (typeof anyTask extends fc.Arbitrary<infer T> ? T : never)[]) {
  await site.server.call("FLUSHALL");
  for (const top of ["output", "Logs"]) site.root.drop(top);
  const records: RecordJson[] = [record("z", "always", { status: "running" })];
  for (const [i, { file, redis, same, odd, audio }] of tasks.entries()) {
    const [user, task] = [userOf(i), `t${i}`];
    const of = (copy: { status: string; age: number }) => {
      return record(user, task, { status: copy.status, updated_at: ago(copy.age * HOUR) });
    };
    if (file !== null) records.push(odd === "invalid" ? { ...of(file), updated_at: null } : of(file));
    const there = same ? file : redis;
    if (there !== null) await site.writeRedis(of(there));
    if (odd === "dangling") await site.server.call("DEL", `tts:task:${user}:${task}`);
    if (odd === "unindexed") await site.server.call("ZREM", "tts:tasks:index", `${user}:${task}`);
    if (audio === "none") continue;
    site.root.writeArtifacts([{ user_id: user, task_id: task }]);
  }
  site.root.age();
  for (const [i, { audio }] of tasks.entries()) {
    if (audio === "new") site.root.write(`output/${userOf(i)}/t${i}/late.wav`, "x", Date.now() / 1000 + 99);
  }
  site.root.writeStore(records);
}
