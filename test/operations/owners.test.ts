import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, it } from "vitest";
import { Owners } from "../../src/operations/owners.ts";
import { RULES } from "../helpers/records.ts";

setFlagsFromString("--expose-gc");
const collect: () => void = runInNewContext("gc");

it("takes little memory for each name with capital letters", () => {
  const owners = new Owners(RULES);
  const names = 200_000;
  collect();
  const before = process.memoryUsage().heapUsed;
  for (let i = 0; i < names; i++) owners.watch({ userId: "Alice", taskId: `Task${i}` });
  collect();
  const perName = (process.memoryUsage().heapUsed - before) / names;
  expect(owners.watches({ userId: "Alice", taskId: "Task1" })).toBe(true);
  expect(perName).toBeLessThan(50);
});

it("knows all names that differ only in case", () => {
  const owners = new Owners(RULES);
  for (const taskId of ["T1", "t1", "tT", "Tt", "TT"]) owners.watch({ userId: "a", taskId });
  owners.add({ userId: "a", taskId: "TT" });
  const askedFor = (taskId: string) => {
    const asked: string[] = [];
    owners.owns({ userId: "a", taskId }, (other) => {
      asked.push(other.taskId);
      return false;
    });
    return asked;
  };
  expect([askedFor("tT"), askedFor("T1")]).toEqual([["TT"], []]);
});
