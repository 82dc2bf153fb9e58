import fc from "fast-check";
import { expect, test } from "vitest";
import { ApiMsLayout } from "../../src/store/layout/api-ms.ts";
import { idProblem, trimId } from "../../src/task/ids.ts";
import { anyChar } from "../helpers/any-char.ts";
import { runs } from "../helpers/python.ts";
import { API_MS_RULES } from "../helpers/records.ts";

const layout = new ApiMsLayout(API_MS_RULES);
const piece = fc.oneof(
  fc.constantFrom(..."abzAZ09_.~-:/+%{} !'()*\\\0\n", "张三", "🙂", "e\u0301", "\ufeff", "%41", "%zz", "\ufffd"),
  fc.string({ unit: anyChar, minLength: 1, maxLength: 2 }),
);
const id = fc
  .array(piece, { minLength: 1, maxLength: 6 })
  .map((pieces) => trimId(pieces.join("")))
  .filter((text) => idProblem("user_id", text, API_MS_RULES) === undefined);

test("every name leads back to the task", () => {
  for (const [userId, taskId] of fc.sample(fc.tuple(id, id), runs(10_000))) {
    expect(layout.splitMember(layout.member(userId, taskId))).toEqual({ userId, taskId });
    expect(layout.unquote(layout.quote(taskId))).toBe(taskId);
    expect(layout.readKey(layout.taskKey(userId, taskId))).toEqual({ task: { userId, taskId } });
    expect(layout.readKey(layout.indexKey(userId))).toEqual({ userId });
    expect(layout.readKey(layout.lookupKey(taskId))).toEqual({ lookup: taskId });
  }
});

test("a member with other quoting belongs to no task, and is kept unchanged", () => {
  for (const member of ["alice", ":", "a:", ":b", "a:b c", "%e5%bc%a0:t", "a:b:c", "a:%41", "张:t", "a:%", "%FF:t"]) {
    const id = layout.splitMember(member);
    expect([id.userId, layout.member(id.userId, id.taskId)]).toEqual(["", member]);
    expect(layout.readKey(`tts:task:${member}`)).toBeNull();
  }
  for (const value of ["", "a b", "%e5%bc%a0", "张", "a:b"]) expect(layout.unquote(value)).toBeNull();
});
