import { describe, expect, it } from "vitest";
import { usePlace } from "../e2e/setup.ts";
import { ago } from "../helpers/records.ts";
import { SEED } from "../helpers/seed.ts";
import { Chance, times } from "./helpers/chance.ts";
import { BOTH, type Case, Killed, OLD, ofUser0, some, YOUNG } from "./helpers/killed.ts";
import type { TestRecord } from "./helpers/stores.ts";

const here = usePlace();
const ONLY_IN_REDIS = some(2, "orphan");
const UNOWNED = some(2, "unowned");

/** The same tasks at another time, with other content. */
const changed = (tasks: readonly TestRecord[], updated_at: string) =>
  tasks.map((task) => ({ ...task, text: "changed", updated_at }));
const NEWER = changed(OLD.slice(0, 2), ago(1800));
const ADDED = some(2, "added");
const OLDER = changed(YOUNG, "2019-01-01T00:00:00");

const CASES: Case[] = [
  {
    what: "cleanup --once",
    line: "cleanup --once -o json",
    redis: ONLY_IN_REDIS,
    after: YOUNG,
  },
  {
    what: "delete by ids",
    line: `delete --user user0 --ids ${[...OLD, ...ONLY_IN_REDIS]
      .filter(ofUser0)
      .map(({ task_id }) => task_id)
      .join(",")} --yes -o json`,
    redis: ONLY_IN_REDIS.filter(ofUser0),
    after: [...OLD.filter((task) => !ofUser0(task)), ...YOUNG],
  },
  {
    what: "delete by filter",
    line: "delete --status done --until 1d --yes -o json",
    redis: ONLY_IN_REDIS,
    after: YOUNG,
  },
  {
    what: "sync --prune",
    line: "sync --prune --yes -o json",
    redis: ONLY_IN_REDIS,
    after: BOTH,
    artifacts: [...BOTH, ...ONLY_IN_REDIS],
  },
  {
    what: "cleanup --orphans --yes",
    line: "cleanup --orphans --yes -o json",
    redis: [],
    after: BOTH,
    unowned: UNOWNED,
  },
  {
    what: "mark",
    line: "mark --to failed --user user0 --status done --yes -o json",
    redis: [],
    after: BOTH,
    marked: "failed",
  },
  {
    what: "import, the newer records",
    line: "import in.jsonl --skip-invalid --yes -o json",
    redis: [],
    input: [...NEWER, ...ADDED, ...OLDER],
    exact: true,
    after: [...NEWER, ...OLD.slice(2), ...YOUNG, ...ADDED],
    artifacts: BOTH,
    kept: BOTH,
  },
  {
    what: "import --merge replace",
    line: "import in.jsonl --merge replace --skip-invalid --yes -o json",
    redis: [],
    input: [...OLDER, ...NEWER, ...ADDED],
    exact: true,
    after: [...NEWER, ...OLD.slice(2), ...OLDER, ...ADDED],
    artifacts: BOTH,
    kept: BOTH,
    // Between file and Redis: the next run finds the file as it should be, and never puts an older copy into Redis.
    mayStayNewer: OLDER,
  },
  {
    what: "verify --repair --prune",
    line: "verify --repair --prune --yes -o json",
    redis: [...NEWER, ...ONLY_IN_REDIS],
    exact: true,
    after: [...NEWER, ...OLD.slice(2), ...YOUNG],
    artifacts: [...BOTH, ...ONLY_IN_REDIS],
  },
  {
    what: "verify --repair --restore",
    line: "verify --repair --restore -o json",
    redis: [...NEWER, ...ONLY_IN_REDIS],
    exact: true,
    after: [...NEWER, ...OLD.slice(2), ...YOUNG, ...ONLY_IN_REDIS],
    kept: BOTH,
    ofRedis: ONLY_IN_REDIS,
  },
];

describe.each(CASES)("row A, kill -9: $what", (one) => {
  const killed = new Killed(here, one);

  it("at each of its changes: the next run finishes, and no kept task is lost", async () => {
    const steps = await killed.distinctSteps();
    expect(steps.length).toBeGreaterThan(3);
    for (const at of steps) await killed.crashAt(at);
  });

  it("at a moment chosen at random, by another process: the same", async () => {
    const chance = new Chance(`${one.what} by time`);
    for (let left = times(1, 13); left > 0; left--) {
      await killed.lay();
      const after = 80 + chance.below(120);
      await killed.after(after);
      await killed.expectKept(`TTSCTL_SEED=${SEED}, killed after ${after} ms`);
    }
  });
});
