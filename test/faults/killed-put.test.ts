import { usePlace } from "../e2e/setup.ts";
import { ago } from "../helpers/records.ts";
import { type Case, describeKilled, OLD, ONLY_IN_REDIS, some, YOUNG } from "./helpers/killed.ts";
import type { TestRecord } from "./helpers/stores.ts";

/** The same tasks at another time, with other content. */
const changed = (tasks: readonly TestRecord[], updated_at: string) =>
  tasks.map((task) => ({ ...task, text: "changed", updated_at }));
const NEWER = changed(OLD.slice(0, 15), ago(1800));
const ADDED = some(10, "added");
const OLDER = changed(YOUNG, "2019-01-01T00:00:00");

const CASES: Case[] = [
  {
    what: "mark",
    line: "mark --status failed --user user0 --where-status done --yes -o json",
    ...{ both: [...OLD, ...YOUNG], redis: [], after: [...OLD, ...YOUNG] },
    marked: "failed",
  },
  {
    what: "import, the newer records",
    often: true,
    line: "import in.jsonl --skip-invalid --yes -o json",
    ...{ both: [...OLD, ...YOUNG], redis: [], input: [...NEWER, ...ADDED, ...OLDER], exact: true },
    ...{ after: [...NEWER, ...OLD.slice(15), ...YOUNG, ...ADDED], artifacts: [...OLD, ...YOUNG] },
    kept: [...OLD, ...YOUNG],
  },
  {
    what: "import --merge replace",
    often: true,
    line: "import in.jsonl --merge replace --skip-invalid --yes -o json",
    ...{ both: [...OLD, ...YOUNG], redis: [], input: [...OLDER, ...NEWER, ...ADDED], exact: true },
    ...{ after: [...NEWER, ...OLD.slice(15), ...OLDER, ...ADDED], artifacts: [...OLD, ...YOUNG] },
    kept: [...OLD, ...YOUNG],
    // Between file and Redis: the next run finds the file as it should be, and Redis never goes back in time by itself.
    mayStayNewer: OLDER,
  },
  {
    what: "verify --repair --prune",
    line: "verify --repair --prune --yes -o json",
    ...{ both: [...OLD, ...YOUNG], redis: [...NEWER, ...ONLY_IN_REDIS], exact: true },
    after: [...NEWER, ...OLD.slice(15), ...YOUNG],
    artifacts: [...OLD, ...YOUNG, ...ONLY_IN_REDIS],
  },
  {
    what: "verify --repair --restore",
    line: "verify --repair --restore -o json",
    ...{ both: [...OLD, ...YOUNG], redis: [...NEWER, ...ONLY_IN_REDIS], exact: true },
    ...{ after: [...NEWER, ...OLD.slice(15), ...YOUNG, ...ONLY_IN_REDIS], kept: [...OLD, ...YOUNG] },
    ofRedis: ONLY_IN_REDIS,
  },
];

describeKilled(usePlace(), CASES);
