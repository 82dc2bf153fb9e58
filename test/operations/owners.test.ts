import { expect, it } from "vitest";
import { Owners } from "../../src/operations/owners.ts";
import { RULES } from "../helpers/records.ts";

it("knows all names that differ only in case", () => {
  const owners = new Owners(RULES);
  for (const taskId of ["T1", "t1", "tT", "Tt", "TT"]) owners.watch({ userId: "a", taskId });
  owners.count({ userId: "a", taskId: "tT" });
  const askedFor = (taskId: string) => {
    const asked: string[] = [];
    owners.owns({ userId: "a", taskId }, (other) => asked.push(other.taskId) === 0);
    return asked;
  };
  expect([askedFor("TT"), askedFor("T1")]).toEqual([["tT"], []]);
});
