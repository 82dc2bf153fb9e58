import { expectThat } from "../expect.ts";
import { compared, type Peer, type Work } from "../row.ts";
import { USER } from "../site.ts";

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

const rqInfo: Peer = {
  name: "`rq info` on as many jobs",
  needs: ["rq"],
  async prepare(site) {
    await site.peerRedis.call("FLUSHALL");
    await site.python("bench/peers/rq-fill.py", site.peerRedis.url, `${site.tasks}`);
  },
  run: (site) => site.run(["rq", "info", "--raw", "--url", site.peerRedis.url]),
  check: (site, { stdout }) => expectThat(stdout.includes(`queue default ${site.tasks},`), stdout),
};

export const START_ROWS = [
  compared({ id: "version", target: 1.25, by: "cpu", times: 4, ours: version, peer: NODE }),
  compared({ id: "page", target: 3.2, by: "cpu", times: 4, ours: page, peer: NODE }),
  compared({ id: "page-rq", target: 0.5, times: 4, ours: page, peer: rqInfo }),
];
