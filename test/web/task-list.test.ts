import { describe, expect, it } from "vitest";
import type { ListAnswer } from "../../web/api/api.ts";
import { Failure } from "../../web/api/failure.ts";
import { type Filter, NO_FILTER } from "../../web/model/filter.ts";
import { keyOf } from "../../web/model/row.ts";
import { TaskList } from "../../web/state/task-list.ts";

const answerOf = (...taskIds: string[]): ListAnswer => ({
  page: {
    ...{ total: taskIds.length, page: 1, pageSize: 20, source: "redis", missing: [], dangling: 0 },
    items: taskIds.map((task_id) => ({ user_id: "alice", task_id })),
  },
  warnings: [],
});
const refusal = (status: number) => new Failure({ status, code: "USAGE", detail: "no", hint: "" });
const ofUser = (userId: string): Filter => ({ ...NO_FILTER, users: [userId] });

/** A server whose responses the test releases, in any order. */
class SlowServer {
  readonly questions: { filter: Filter; answer(answer: ListAnswer | Failure): void; isAborted(): boolean }[] = [];
  isReading = false;
  /** The task whose row is open. */
  open = "";

  newList(): TaskList {
    const list = (filter: Filter, _page: number, _size: number, signal: AbortSignal) =>
      new Promise<ListAnswer>((resolve, reject) => {
        const answer = (given: ListAnswer | Failure) => (given instanceof Failure ? reject(given) : resolve(given));
        this.questions.push({ filter, answer, isAborted: () => signal.aborted });
      });
    const parts = {
      api: { list, now: () => 0 },
      isReading: () => this.isReading,
      isOpen: (key: string) => key === keyOf("alice", this.open),
    };
    return new TaskList(parts, { filter: NO_FILTER, page: 1, pageSize: 20 });
  }
}

/** A list that has been answered once. */
async function shown(server: SlowServer, ...taskIds: string[]): Promise<TaskList> {
  const tasks = server.newList();
  const done = tasks.show();
  server.questions.pop()!.answer(answerOf(...taskIds));
  await done;
  return tasks;
}
const idsOf = (tasks: TaskList) => tasks.view.value?.rows.map(({ taskId }) => taskId);

describe("questions and answers", () => {
  it("a response is dropped if a later request overtook it", async () => {
    const server = new SlowServer();
    const tasks = await shown(server, "t1");
    const both = [tasks.apply(ofUser("a")), tasks.apply(ofUser("b"))];
    const [first, second] = server.questions;
    expect(first!.isAborted()).toBe(true);
    second!.answer(answerOf("of b"));
    first!.answer(answerOf("of a"));
    await Promise.all(both);
    expect(idsOf(tasks)).toEqual(["of b"]);
    expect(tasks.request.value.filter).toEqual(ofUser("b"));
    expect(tasks.asking.value).toBe(false);
  });

  it("a filter cancels a running refresh, and none starts beside it", async () => {
    const server = new SlowServer();
    const tasks = await shown(server, "t1");
    const all = [tasks.refresh(), tasks.apply(ofUser("a"))];
    await tasks.refresh();
    expect(server.questions.map(({ filter }) => filter.users)).toEqual([[], ["a"]]);
    server.questions[1]!.answer(answerOf("of a"));
    server.questions[0]!.answer(answerOf("t1", "t2"));
    await Promise.all(all);
    expect(idsOf(tasks)).toEqual(["of a"]);
  });

  it("rows are held only against an answer to the same question", async () => {
    const server = new SlowServer();
    server.isReading = true;
    const tasks = await shown(server, "t1");
    const applied = tasks.apply(ofUser("a"));
    server.questions.pop()!.answer(answerOf("of a"));
    await applied;
    expect([idsOf(tasks), tasks.waiting.value]).toEqual([["of a"], null]);
    const refreshed = tasks.refresh();
    server.questions.pop()!.answer(answerOf("new", "of a"));
    await refreshed;
    expect(idsOf(tasks)).toEqual(["of a"]);
    expect(tasks.waiting.value).toMatchObject({ added: 1 });
  });
});

describe("the task of the address", () => {
  const task = { userId: "alice", taskId: "t9" };

  it("is read by its id if it isn't on the page, and dropped when the page has it or another place is shown", async () => {
    const server = new SlowServer();
    const tasks = await shown(server, "t1");
    const named = tasks.name(task);
    const question = server.questions.pop()!;
    expect(question.filter).toEqual({ ...NO_FILTER, users: ["alice"], taskIds: ["t9"] });
    question.answer(answerOf("t9"));
    await named;
    expect(tasks.linked.value).toMatchObject({ taskId: "t9", left: false });
    const refreshed = tasks.refresh();
    server.questions.pop()!.answer(answerOf("t9", "t1"));
    await refreshed;
    expect([tasks.linked.value, tasks.task.value]).toEqual([null, task]);
    const applied = tasks.apply(ofUser("a"));
    server.questions.pop()!.answer(answerOf("of a"));
    await applied;
    expect([tasks.linked.value, tasks.task.value]).toEqual([null, null]);
  });

  it("can be missing, or unreadable; a row that was read stays when it can't be read again", async () => {
    const server = new SlowServer();
    const tasks = await shown(server, "t1");
    for (const [answer, linked] of [
      [answerOf(), "missing"],
      [refusal(400), refusal(400)],
    ] as const) {
      const named = tasks.name({ ...task });
      server.questions.pop()!.answer(answer);
      await named;
      expect(tasks.linked.value).toEqual(linked);
    }
    const named = tasks.name(task);
    server.questions.pop()!.answer(answerOf("t9"));
    await named;
    const refreshed = tasks.refresh();
    server.questions.pop()!.answer(answerOf("t1"));
    await expect.poll(() => server.questions.length).toBe(1);
    server.questions.pop()!.answer(new Failure(null));
    await refreshed;
    expect(tasks.linked.value).toMatchObject({ taskId: "t9" });
  });
});
