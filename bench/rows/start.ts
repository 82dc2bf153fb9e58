import { utimesSync } from "node:fs";
import { expectCounts, expectThat } from "../expect.ts";
import { compared, type Work, waitedFor } from "../row.ts";
import { LONG_AGO, USER } from "../site.ts";

export const NODE: Work = {
  name: "`node -e 0`",
  run: (site) => site.run([process.execPath, "-e", "0"]),
  check: () => {},
};

export const version: Work = {
  name: "`ttsctl --version`",
  run: (site) => site.ttsctl("--version"),
  check: (_, { stdout }) => expectThat(/^\d+\.\d+\.\d+\S*\n$/.test(stdout), stdout),
};

/** The first page of one user, from Redis, as a table. */
export const page: Work = {
  name: "`list --user U` from Redis",
  before: (site) => site.wholeMirror(),
  run: (site) => site.ttsctl(`list --user ${USER} --source redis`),
  check(_, { stdout }) {
    const [, ...lines] = stdout.trimEnd().split("\n");
    expectThat(lines.length > 0 && lines.every((line) => line.startsWith(`${USER} `)), stdout);
  },
};

/** One finished task of a store that no other program has open. */
let [marked, runs] = ["", 0];
const mark: Work = {
  name: "`mark` of one task, no service at work",
  async prepare(site) {
    await site.makeStore(site.purgedRoot.path);
    await site.mirrorToChange();
    const { stdout } = await site.ttsctl("list --status done --page-size 1 -o ids", site.purgedRoot);
    marked = stdout.trim();
  },
  before: async ({ purgedRoot }) => utimesSync(purgedRoot.store, LONG_AGO, LONG_AGO),
  run: (site) =>
    site.ttsctl(`mark --ids ${marked} --to ${runs++ % 2 === 0 ? "error" : "done"} --yes -o json`, site.purgedRoot),
  check: (_, { stdout }) => expectCounts(stdout, { marked: 1 }),
};

const complete: Work = {
  name: "completion of an id",
  before: (site) => site.wholeMirror(),
  run: (site) => site.run([process.execPath, site.binary, "__complete", "bash", `ttsctl get ${USER} `]),
  check: (_, { stdout }) => expectThat(stdout.split("\n").length > 10, stdout),
};

export const START_ROWS = [
  compared({ id: "version", target: 1.25, by: "cpu", times: 4, ours: version, peer: NODE }),
  compared({ id: "page", target: 3, by: "cpu", times: 4, ours: page, peer: NODE }),
  waitedFor("mark", 350, mark),
  waitedFor("complete", 120, complete, 4),
];
