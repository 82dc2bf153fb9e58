import { expect, it } from "vitest";
import { hookedArtifacts } from "../helpers/doubles.ts";
import { ago, record } from "../helpers/records.ts";
import { useSite } from "./setup.ts";

const here = useSite();
const KEY = "tts:task:a:t1";
const OTHER = record("b", "other", { updated_at: ago(3600) });

/** A task that the service takes up again, while a pass is under way. */
const requeued = () => record("a", "t1", { status: "running", updated_at: ago(0) });

async function expired(): Promise<void> {
  await here.site.writeBoth(record("a", "t1"), OTHER);
  here.site.root.writeArtifacts([record("a", "t1"), OTHER]);
}

/** The service's last word is in both stores, and nothing of the other task was touched. */
async function expectKept(): Promise<void> {
  const { site } = here;
  const kept = site.root.readStore().find(({ task_id }) => task_id === "t1");
  expect(kept).toMatchObject({ status: "running" });
  expect(await site.server.hash(KEY)).toMatchObject({ status: "running", updated_at: kept!.updated_at as string });
  expect(await site.server.call("ZSCORE", "tts:tasks:index", "a:t1")).not.toBeNull();
  expect(await site.server.call("ZSCORE", "tts:user:a:index", "t1")).not.toBeNull();
  expect(site.root.readStore()).toContainEqual(OTHER);
  expect(site.root.has("output/b/other/other.wav")).toBe(true);
  expect(site.root.has("output/.ttsctl-purge")).toBe(false);
}

it.each(["before", "after"] as const)(
  "a task that is re-queued during a pass keeps its record, its mirror and its audio if the service, which could not write to Redis, works just %s its directory is removed",
  async (when) => {
    const { site } = here;
    await expired();
    let isDone = false;
    const works = () => {
      if (isDone) return;
      isDone = true;
      site.root.writeStore([requeued(), OTHER]);
      site.root.write("output/a/t1/new.wav", "new");
    };
    site.wrapArtifacts = (real) => hookedArtifacts(real, { [when]: works });
    expect((await site.cleanup()).result).toMatchObject({ candidates: 1, skipped: 1, purged: 0 });
    await expectKept();
    const audio = ["new", "t1"].map((name) => site.root.has(`output/a/t1/${name}.wav`));
    expect(audio).toEqual([true, when === "before"]);
  },
);
