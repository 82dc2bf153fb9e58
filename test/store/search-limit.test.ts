import { afterEach, expect, it, vi } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { FileStore } from "../../src/store/file/file-store.ts";
import { fileTasks } from "../../src/store/file/file-tasks.ts";
import { MOST_SEARCHED, SearchLimit } from "../../src/store/task-order.ts";
import { NO_FILTER } from "../../src/task/query-fields.ts";
import { formatUtc } from "../../src/task/time.ts";
import { record } from "../helpers/records.ts";
import { ServiceRoot } from "../helpers/root.ts";
import { RULES } from "../helpers/rules.ts";

afterEach(() => vi.restoreAllMocks());

const HALF = MOST_SEARCHED / 2;

it("stops after so many tasks, once it has come to another time", () => {
  const limit = new SearchLimit();
  limit.count(HALF, 9, 9);
  limit.count(HALF, 9, 9);
  limit.count(HALF, 9, 9);
  expect(limit.stopped).toBeUndefined();
  limit.count(1, 8, 8);
  expect(limit.stopped).toEqual({ looked: 3 * HALF + 1, at: formatUtc(8 + 1e-6) });
});

it("reads more tasks of one time than that to the end", { timeout: 60_000, tags: ["slow"] }, async () => {
  vi.spyOn(systemClock, "monotonic").mockReturnValue(0); // on a busy machine its time would be over
  const root = new ServiceRoot();
  const last = MOST_SEARCHED + 1500;
  root.writeStore(
    Array.from({ length: last + 1 }, (_, i) => {
      const text = i === 0 || i === last ? "needle" : "hay"; // the first and the last in the order of the list
      return record("alice", `t${1e6 + i}`, { text, updated_at: 1_600_000_000 });
    }),
  );
  await using snapshot = await new FileStore(root.store, RULES, systemClock).read();
  const { tasks, stopped } = await fileTasks(snapshot).page({ ...NO_FILTER, search: "needle" }, 0, 20);
  expect([tasks.map(({ taskId }) => taskId), stopped]).toEqual([[`t${1e6 + last}`, "t1000000"], undefined]);
  root.remove();
});
