import { usePlace } from "../e2e/setup.ts";
import { type Case, describeKilled, OLD, ONLY_IN_REDIS, ofUser0, some, YOUNG } from "./helpers/killed.ts";

const UNOWNED = some(20, "unowned");

const CASES: Case[] = [
  {
    what: "cleanup --once",
    often: true,
    line: "cleanup --once -o json",
    ...{ both: [...OLD, ...YOUNG], redis: ONLY_IN_REDIS, after: YOUNG },
  },
  {
    what: "delete by ids",
    often: true,
    line: `delete --user user0 --ids ${[...OLD, ...ONLY_IN_REDIS]
      .filter(ofUser0)
      .map(({ task_id }) => task_id)
      .join(",")} --yes -o json`,
    both: [...OLD, ...YOUNG],
    redis: ONLY_IN_REDIS.filter(ofUser0),
    after: [...OLD.filter((task) => !ofUser0(task)), ...YOUNG],
  },
  {
    what: "delete by filter",
    often: true,
    line: "delete --status done --until 1d --yes -o json",
    ...{ both: [...OLD, ...YOUNG], redis: ONLY_IN_REDIS, after: YOUNG },
  },
  {
    what: "sync --prune",
    often: true,
    line: "sync --prune --yes -o json",
    ...{ both: [...OLD, ...YOUNG], redis: ONLY_IN_REDIS, after: [...OLD, ...YOUNG] },
    artifacts: [...OLD, ...YOUNG, ...ONLY_IN_REDIS],
  },
  {
    what: "cleanup --orphans --yes",
    line: "cleanup --orphans --yes -o json",
    ...{ both: [...OLD, ...YOUNG], redis: [], after: [...OLD, ...YOUNG], unowned: UNOWNED },
  },
];

describeKilled(usePlace(), CASES);
