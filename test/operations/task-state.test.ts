import { describe, expect, it } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { TaskState } from "../../src/operations/follow.ts";
import type { SourceChoice } from "../../src/store/mirror-link.ts";
import { linkTo } from "../helpers/doubles.ts";
import { record } from "../helpers/records.ts";
import { useSite } from "./setup.ts";

const here = useSite();
const running = record("alice", "t1", { status: "running" });

/** With a clock on which reading takes no time, so the file may be read again at once. */
function stateOf(source: SourceChoice = "auto", monotonic = () => 0): TaskState {
  const { site } = here;
  const clock = { ...systemClock, now: () => site.clock.now(), monotonic };
  const parts = { file: site.file, link: linkTo(site.mirror), clock };
  return new TaskState(parts, { userId: "alice", taskId: "t1" }, source);
}

describe("whether a task is finished", () => {
  it("comes from Redis, or from the file if Redis can't answer", async () => {
    await here.site.writeBoth(running);
    const state = stateOf();
    expect(await state.look()).toBe("open");
    await here.site.server.call("HSET", "tts:task:alice:t1", "status", "succeeded");
    expect(await state.look()).toBe("finished");
    here.site.flaky.goDown();
    expect(await state.look()).toBe("open");
    here.site.root.writeStore([{ ...running, status: "cancelled" }]);
    expect(await state.look()).toBe("finished");
    here.site.root.writeStore([]);
    expect(await state.look()).toBe("gone");
    here.site.flaky.comeBack();
    expect(await state.look()).toBe("finished");
  });

  it("is unchanged while the file can't be read", async () => {
    here.site.root.writeStore([running]);
    const state = stateOf("file");
    expect(await state.look()).toBe("open");
    here.site.root.write("voice_task.json", "[{");
    expect(await state.look()).toBe("open");
    await expect(stateOf("file").look()).rejects.toMatchObject({ code: "STORE_INVALID" });
  });

  it("is looked up in the file for a small part of the time", async () => {
    here.site.root.writeStore([running]);
    let seconds = 0;
    const state = stateOf("file", () => seconds++); // reading takes a second
    expect(await state.look()).toBe("open");
    here.site.root.writeStore([]);
    for (seconds = 15; seconds < 20; ) expect(await state.look()).toBe("open");
    seconds = 30;
    expect(await state.look()).toBe("gone");
  });

  it("comes only from the forced store", async () => {
    await here.site.writeBoth(running);
    here.site.flaky.goDown();
    await expect(stateOf("redis").look()).rejects.toMatchObject({ code: "REDIS_UNAVAILABLE" });
    here.site.flaky.comeBack();
    await here.site.server.call("FLUSHALL");
    expect(await stateOf("redis").look()).toBe("gone");
    expect(await stateOf("file").look()).toBe("open");
  });
});
