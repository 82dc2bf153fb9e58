import { expect, it } from "vitest";
import { PendingRepairs } from "../../../src/store/pending-repairs.ts";

const missed = (task: number) => ({ id: { userId: "a", taskId: `t${task}` }, before: 1, task: null });

it("leaves more than 10,000 changes that Redis missed to one sync, until which Redis is not read", () => {
  const repairs = new PendingRepairs();
  for (let i = 0; i < 10_000; i++) repairs.note(missed(i), false);
  expect([repairs.size, repairs.syncNeeded]).toEqual([10_000, 0]);
  repairs.note(missed(10_000), false);
  expect([repairs.size, repairs.syncNeeded]).toEqual([0, 1]);
  expect(repairs.forReaders({ kind: "on", mirror: {} as never })).toMatchObject({ behind: expect.any(String) });
  repairs.wasSynced(repairs.syncNeeded);
  expect(repairs.problem).toBeNull();
});
