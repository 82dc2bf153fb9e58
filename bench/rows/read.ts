import { writeFileSync } from "node:fs";
import { expectThat } from "../expect.ts";
import { compared, type Peer, type Work } from "../row.ts";
import { type Site, USER } from "../site.ts";

/** As many as one page of a list has. */
const NEWEST = 20;

function expectNewest(site: Site, tasks: readonly { task_id: string }[]): void {
  expectThat(tasks.length === NEWEST, `${tasks.length} tasks`);
  site.expectSame("the newest tasks", tasks.map(({ task_id }) => task_id).join(" "));
}

export const listFile: Work = {
  name: "`list` from the file",
  run: (site) => site.ttsctl("list --source file -o json"),
  check: (site, { stdout }) => expectNewest(site, JSON.parse(stdout).items),
};

const pythonList: Peer = {
  name: "Python, `json.load` and sort",
  run: (site) => site.python("bench/peers/list.py", site.root.store),
  check: (site, { stdout }) => expectNewest(site, JSON.parse(stdout)),
};

const jqList: Peer = {
  name: "`jq`, sort and take 20",
  needs: ["jq"],
  run: (site) => site.run(["jq", `sort_by(.updated_at) | reverse | .[:${NEWEST}]`, site.root.store]),
  check: (site, { stdout }) => expectNewest(site, JSON.parse(stdout)),
};

const MOST_IDS = 10_000;

/** The ids that are asked for: the oldest of one user. */
async function idsOf(site: Site): Promise<string[]> {
  await site.wholeMirror();
  return (await site.redis.call("ZRANGE", `tts:user:${USER}:index`, 0, MOST_IDS - 1)) as string[];
}

async function expectIds(site: Site, found: number): Promise<void> {
  expectThat(found === Math.min(MOST_IDS, (await idsOf(site)).length), `${found} tasks`);
}

/** Writes the query of these ids into query.json. */
export async function writeIds(site: Site): Promise<void> {
  writeFileSync(site.scratch("query.json"), JSON.stringify({ user_id: USER, task_ids: await idsOf(site) }));
}

export const query: Work = {
  name: "`query` of 10,000 ids from Redis",
  prepare: writeIds,
  run: (site) => site.ttsctl(`query --file ${site.scratch("query.json")} --source redis -o json`),
  check: (site, { stdout }) => expectIds(site, JSON.parse(stdout).items.length),
};

const hgetall: Peer = {
  name: "`redis-cli`, an HGETALL for each piped in",
  async prepare(site) {
    const commands = (await idsOf(site)).map((id) => `HGETALL tts:task:${USER}:${id}\n`);
    writeFileSync(site.scratch("hgetall"), commands.join(""));
  },
  run: (site) => site.redisCli([], site.scratch("hgetall")),
  check: (site, { stdout }) => expectIds(site, stdout.split("\n").filter((line) => line === "payload").length),
};

export const READ_ROWS = [
  compared({ id: "list-file", target: 0.25, by: "cpu", ours: listFile, peer: pythonList }),
  compared({ id: "list-file-jq", target: 0.15, by: "cpu", ours: listFile, peer: jqList }),
  compared({ id: "query", target: 1.3, times: 2, ours: query, peer: hgetall }),
];
