import fc from "fast-check";
import { expect, it, test } from "vitest";
import {
  classify,
  KINDS,
  planRepair,
  type RepairPolicy,
  type Traits,
} from "../../../src/operations/verify/classify.ts";

import { NO_COPY, type RedisCopy } from "../../../src/store/layout/copy.ts";
import { PLAIN } from "../../../src/store/layout/layout.ts";
import { recordOf } from "../../../src/store/redis/records.ts";
import { RecordParser, type Task } from "../../../src/task/task.ts";
import { RULES, record, taskOf } from "../../helpers/records.ts";
import "../../helpers/python.ts";

const mirror = { layout: PLAIN, parser: new RecordParser(RULES) };
const TIMES = ["2020-01-01T00:00:00", "2020-01-02T00:00:00", "2020-01-03T00:00:00"];

/** What a sync writes of a record. */
function copyOf(task: Task): RedisCopy {
  const values = PLAIN.valuesOf(task);
  const fields = Object.fromEntries(PLAIN.fields.map((name, i) => [name, values[i]!]));
  const score = String(task.score);
  return { type: "hash", fields, indexScore: score, userScore: score, lookup: null };
}

const tasks = fc
  .record({
    updated_at: fc.constantFrom(...TIMES),
    status: fc.constantFrom("queued", "running", "succeeded"),
    error: fc.constantFrom(null, "", "失败"),
    text: fc.string({ maxLength: 5 }),
    top_p: fc.constantFrom(1, 0.5, null),
  })
  .map((fields) => taskOf(record("a", "t", fields)));

/** Ways to damage a copy, each made or not. */
const damages = fc.record(
  {
    status: fc.constantFrom(null, "failed"),
    payload: fc.constantFrom(null, "{", "[]"),
    user_id: fc.constant(null),
    updated_at: fc.constantFrom(null, "soon", ...TIMES),
    indexScore: fc.constantFrom(null, "1"),
    userScore: fc.constantFrom(null, "1"),
    type: fc.constantFrom("none", "string"),
  },
  { requiredKeys: [] },
);

function damaged(copy: RedisCopy, damage: Record<string, unknown>): RedisCopy {
  const { indexScore, userScore, type, ...fields } = damage;
  const whole = {
    ...copy,
    ...(indexScore === undefined ? {} : { indexScore }),
    ...(userScore === undefined ? {} : { userScore }),
  };
  const none = Object.fromEntries(PLAIN.fields.map((name) => [name, null])) as RedisCopy["fields"];
  if (type !== undefined) return { ...whole, type, fields: none } as RedisCopy;
  return { ...whole, fields: { ...copy.fields, ...fields } } as RedisCopy;
}

test("a copy written by a sync matches its record, and no other", () => {
  fc.assert(
    fc.property(tasks, tasks, (ours, theirs) => {
      const finding = classify(ours, copyOf(theirs), mirror);
      if (theirs.score !== ours.score) expect(finding).toBe(theirs.score < ours.score ? "stale" : "newerInRedis");
      else if (theirs.json === ours.json) expect(finding).toBe("inSync");
      else expect(finding).toBe("differs");
      expect(recordOf(copyOf(theirs), { userId: "a", taskId: "t" }, mirror)?.json).toBe(theirs.json);
    }),
  );
});

/** The kinds that apply, each without regard to the others. */
function applying(task: Task | null, copy: RedisCopy): string[] {
  const { type, fields, indexScore, userScore } = copy;
  const time = mirror.parser.times.parse(fields.updated_at ?? "");
  const isWhole = type === "hash" && fields.user_id !== null && fields.status !== null && !Number.isNaN(time);
  const hasMember = indexScore !== null || userScore !== null;
  const kinds: Record<string, boolean> = {
    partial: type !== "none" && !isWhole,
    dangling: type === "none" && hasMember,
    onlyInFile: type === "none" && !hasMember && task !== null,
    onlyInRedis: type !== "none" && task === null,
    stale: isWhole && task !== null && time < task.score,
    newerInRedis: isWhole && task !== null && time > task.score,
    differs: isWhole && task !== null && (fields.status !== task.status || fields.payload !== task.json),
    unindexed: task !== null && (indexScore === null || userScore === null),
    wrongScore: task !== null && hasMember && (Number(indexScore) !== task.score || Number(userScore) !== task.score),
  };
  return Object.keys(kinds).filter((kind) => kinds[kind]);
}

test("a damaged copy has the first kind that applies, in the order of the kinds", () => {
  fc.assert(
    fc.property(tasks, damages, fc.boolean(), (task, damage, inFile) => {
      const copy = damaged(copyOf(task), damage);
      const ours = inFile ? task : null;
      const first = KINDS.find((kind) => applying(ours, copy).includes(kind));
      expect(classify(ours, copy, mirror)).toBe(first ?? (copy.type === "none" ? "absent" : "inSync"));
    }),
    { numRuns: 2000 },
  );
});

const traits = fc.record<Traits>({
  finding: fc.constantFrom("inSync", "absent", ...KINDS),
  inFile: fc.boolean(),
  mirrorIsNewer: fc.boolean(),
  isRecord: fc.boolean(),
  isForeign: fc.boolean(),
  isUnnamed: fc.boolean(),
  memberOnly: fc.boolean(),
});
const policies = fc.record<RepairPolicy>({ prune: fc.boolean(), restore: fc.boolean(), removeMembers: fc.boolean() });

test("a plan loses no task unless asked to, and invents none", () => {
  fc.assert(
    fc.property(traits, policies, (of, policy) => {
      const action = planRepair(of, policy);
      if (of.finding === "inSync" || of.finding === "absent") expect(action).toBe("keep");
      if (action === "prune") expect(policy.prune).toBe(true);
      if (action === "restore") expect([policy.restore, of.isRecord]).toEqual([true, true]);
      if (action === "bringBack") expect(of.isRecord).toBe(true);
      if (action === "removeMember") expect([of.finding, of.inFile]).toEqual(["dangling", false]);
      if (of.isForeign && of.finding === "partial") expect(action).toBe("keep");
    }),
  );
});

it.each([
  [{ user_id: "a", task_id: "t", status: "queued", updated_at: TIMES[0] }, true],
  [{ user_id: "a", task_id: "t", updated_at: TIMES[0] }, false],
  [{ user_id: "a", task_id: "t", updated_at: TIMES[0], payload: JSON.stringify(record("a", "t")) }, true],
  [{ user_id: "a", task_id: "t", updated_at: TIMES[0], payload: JSON.stringify(record("b", "t")) }, false],
  [{ progress: "55" }, false],
])("takes %j for a record of the file: %s", (fields, isRecord) => {
  const missing = Object.fromEntries(PLAIN.fields.map((name) => [name, null]));
  const copy = { ...NO_COPY, type: "hash", fields: { ...missing, ...fields } };
  expect(recordOf(copy, { userId: "a", taskId: "t" }, mirror) !== null).toBe(isRecord);
});
