import { readFileSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { systemClock } from "../../../src/clock.ts";
import { putsOf } from "../../../src/store/file/changes.ts";
import { FileStore } from "../../../src/store/file/file-store.ts";
import { writable } from "../../../src/store/writable.ts";
import { useFolder } from "../../helpers/files.ts";
import { API_MS_RULES, record, taskIn } from "../../helpers/records.ts";

const path = useFolder();
const AT = { updated_at: 1_600_000_000 };
const task = (user: string, id: string) => taskIn(API_MS_RULES, record(user, id, AT));

test("in a map, two tasks with similar ids get separate names, and none is lost", async () => {
  writeFileSync(path("s.json"), JSON.stringify({ "a:b:c": record("a:b", "c", AT) }, null, 2));
  const puts = putsOf([task("a", "b:c"), task("x:y", "z"), task("x", "y:z")]);
  await writable(new FileStore(path("s.json"), API_MS_RULES, systemClock)).apply(() => ({ removed: new Set(), puts }));
  const map = JSON.parse(readFileSync(path("s.json"), "utf8")) as Record<string, { user_id: string; task_id: string }>;
  expect(Object.keys(map)).toEqual(["a:b:c", "a:b:c#2", "x:y:z", "x:y:z#2"]);
  const ids = Object.values(map).map(({ user_id, task_id }) => `${user_id}|${task_id}`);
  expect(ids).toEqual(["a:b|c", "a|b:c", "x:y|z", "x|y:z"]);
});
