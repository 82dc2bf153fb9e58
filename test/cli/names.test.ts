import fc from "fast-check";
import { expect, it } from "vitest";
import { nameLine, readNames } from "../../src/cli/names.ts";
import { isPrintable } from "../../src/printable.ts";
import { idProblem, splitName, trimId } from "../../src/task/ids.ts";
import { anyChar } from "../helpers/any-char.ts";

const strange = fc.constantFrom(..."\"[],: \n\r\t\\'-\u0085\u2028\ufeff\u202e", "\ud83d\ude00");
const idOf = (field: "user_id" | "task_id") =>
  fc
    .string({ unit: fc.oneof(anyChar, strange, fc.constantFrom(..."abc")), minLength: 1, maxLength: 12 })
    .map((text) => trimId(text.toWellFormed()))
    .filter((id) => idProblem(field, id, { isPublished: false }) === undefined);
const task = fc.record({ userId: idOf("user_id"), taskId: idOf("task_id") });

it("names of tasks are read back from lines, whatever the ids are", () => {
  fc.assert(
    fc.property(fc.array(task, { minLength: 1, maxLength: 8 }), (tasks) => {
      const text = tasks.map((id) => `${nameLine(id)}\n`).join("");
      expect(readNames(text).map(splitName)).toEqual(tasks);
      expect(isPrintable(text.replaceAll("\n", ""))).toBe(true);
    }),
  );
});
