import fc from "fast-check";
import { expect, test } from "vitest";
import { KeyTable } from "../../../src/store/key-table.ts";
import type { TaskId } from "../../../src/task/ids.ts";
import { RecordRules } from "../../../src/task/rules.ts";
import { Zone } from "../../../src/task/time.ts";
import { anyChar } from "../../helpers/any-char.ts";
import { runs } from "../../helpers/python.ts";

const part = fc.oneof(
  fc.constantFrom("", "a", "b", "ab", "a:b", ":", "用户", "🙂", "__proto__"),
  fc.string({ unit: anyChar, maxLength: 6 }),
  fc.nat(50_000).map((n) => `t${n}`),
);
const ids = fc.tuple(part, part);
/** The parts are one key, and no other parts are the same. */
const named = ([user, task]: readonly [string, string]) => JSON.stringify([user, task]);

test("a table and a Map of the same ids agree, however many", () => {
  fc.assert(
    fc.property(fc.array(ids, { maxLength: 400 }), fc.array(ids, { maxLength: 50 }), (added, others) => {
      const table = new KeyTable();
      const model = new Map<string, number>();
      for (const pair of added) {
        expect(table.find(...pair)).toBe(model.get(named(pair)) ?? -1);
        if (!model.has(named(pair))) model.set(named(pair), model.size);
        expect(table.addId(...pair)).toBe(model.get(named(pair)));
        expect(table.size).toBe(model.size);
      }
      for (const pair of [...added, ...others]) expect(table.find(...pair)).toBe(model.get(named(pair)) ?? -1);
      for (const [user, task] of added) {
        const key = table.find(user, task);
        expect([table.userId(key), table.taskId(key)]).toEqual([user, task]);
        expect(table.hasUser(key, Buffer.from(user))).toBe(true);
        expect(table.hasUser(key, Buffer.from(`${user}x`))).toBe(false);
        if (user !== "") expect(table.hasUser(key, Buffer.from(user).fill(0x7f))).toBe(/^\x7f*$/.test(user));
      }
    }),
    { numRuns: runs(200) },
  );
});

test("keys from bytes and keys from strings are the same, and compare as their bytes do", () => {
  fc.assert(
    fc.property(fc.array(ids, { minLength: 1, maxLength: 60 }), (all) => {
      const table = new KeyTable();
      const keys = all.map(([user, task]) => {
        const bytes = Buffer.from(`xx${user}yy${task}zz`);
        const userEnd = 2 + Buffer.byteLength(user);
        return table.add(bytes, 2, userEnd, userEnd + 2, bytes.length - 2);
      });
      expect(all.map(([user, task]) => table.find(user, task))).toEqual(keys);
      const member = (i: number) => Buffer.from(all[i]!.join(":"));
      for (let i = 0; i < all.length; i++) {
        for (const j of [0, i >> 1, all.length - 1]) {
          expect(Math.sign(table.compare(keys[i]!, keys[j]!))).toBe(Math.sign(Buffer.compare(member(i), member(j))));
        }
      }
    }),
    { numRuns: runs(200) },
  );
});

test("keys compare as quoted members do", () => {
  const rules = new RecordRules(new Zone("UTC"), "api_ms");
  const few = fc.string({
    unit: fc.constantFrom("a", "b", "B", "1", "-", ":", "%", "3", "A", " ", "é", "用"),
    maxLength: 4,
  });
  const pairs = fc.tuple(fc.oneof(few, part), fc.oneof(few, part));
  fc.assert(
    fc.property(pairs, pairs, (one, other) => {
      const table = new KeyTable(({ userId, taskId }: TaskId) => rules.member(userId, taskId));
      const [a, b] = [table.addId(...one), table.addId(...other)];
      const [first, second] = [rules.member(...one), rules.member(...other)];
      if (first !== second) expect(Math.sign(table.compare(a, b))).toBe(first < second ? -1 : 1);
      expect(table.compare(a, a)).toBe(0);
    }),
    { numRuns: runs(3000) },
  );
});
