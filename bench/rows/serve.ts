import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { freePort } from "../../test/helpers/redis.ts";
import { type Cost, PYTHON } from "../cost.ts";
import { expectThat } from "../expect.ts";
import { missingOf } from "../needs.ts";
import { leftOut, summaryOf } from "../result.ts";
import { compared, type Peer, type Row, type Work, waitedFor } from "../row.ts";
import { Server } from "../server.ts";
import { type Site, USER } from "../site.ts";
import { writeIds } from "./read.ts";

/** The requests to both, over so many connections at once. */
interface Request {
  readonly name: string;
  readonly path: string;
  /** Whether the ids of `query` are posted. */
  readonly posts: boolean;
  readonly connections: number;
}

const PAGE: Request = { name: "one page", path: `/voice-tasks?user_id=${USER}`, posts: false, connections: 16 };
const IDS: Request = { name: "10,000 ids", path: "/voice-tasks/query", posts: true, connections: 4 };
const SECONDS = 2;

type Start = (site: Site, port: number) => Promise<Server>;

/** @param binary if not the one of the site */
const ttsctl =
  (binary?: string): Start =>
  (site, port) => {
    const flags = ["--port", `${port}`, "--read-only", "--quiet"];
    return Server.start([process.execPath, binary ?? site.place.binary, "serve", ...flags], port, {
      cwd: site.root.path,
      log: site.scratch("log"),
    });
  };

const fastapi: Start = (site, port) => {
  const argv = [PYTHON, "-m", "uvicorn", "api:app", "--port", `${port}`, "--log-level", "warning", "--no-access-log"];
  const env = { REDIS_URL: site.redis.url, PYTHONDONTWRITEBYTECODE: "1" };
  return Server.start(argv, port, { cwd: join(site.place.project, "bench/peers"), env, log: site.scratch("log") });
};

/** The results of wrk. */
type Figure = "a request" | "p99";

/** One server under load: `figure` is the time for each request, all of them together, or the 99th percentile of them. */
function underLoad(name: string, start: Start, request: Request, figure: Figure): Peer {
  let server: Server;
  const load = async (site: Site) => {
    const script = request.posts ? ["-s", site.scratch("post.lua")] : [];
    const flags = ["-t1", `-c${request.connections}`, `-d${SECONDS}s`, "--latency", "--timeout", "30s"];
    return (await site.run(["wrk", ...flags, ...script, server.url + request.path])).stdout;
  };
  return {
    name,
    needs: ["wrk", "uvicorn"],
    async prepare(site) {
      await site.wholeMirror();
      await writeIds(site);
      writeFileSync(site.scratch("post.lua"), postScript(site.scratch("query.json")));
      server = await start(site, await freePort());
      site.expectSame(`${request.name} over HTTP`, await answer(site, server.url, request));
      if (!request.posts) await load(site); // a server runs for days: its first seconds don't count
    },
    async run(site) {
      const cpuBefore = server.cpuSeconds;
      const redisBefore = await site.redis.cpuSeconds();
      const stdout = await load(site);
      const requests = requestsIn(stdout);
      const cpuSeconds = (server.cpuSeconds - cpuBefore) / requests;
      const redisCpuSeconds = ((await site.redis.cpuSeconds()) - redisBefore) / requests;
      const seconds = figure === "p99" ? p99(stdout) : perRequest(stdout);
      return { stdout, seconds, cpuSeconds, redisCpuSeconds, peakMb: server.peakMb };
    },
    check: (_, { stdout }) => expectThat(!/Non-2xx|Socket errors/.test(stdout), stdout),
    finish: async () => server?.stop(),
  };
}

function postScript(body: string): string {
  return `wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = io.open("${body}"):read("*a")
`;
}

/** The ids that an answer has, in order. */
async function answer(site: Site, url: string, { path, posts }: Request): Promise<string> {
  const headers = { "content-type": "application/json" };
  const body = { method: "POST", headers, body: readFileSync(site.scratch("query.json")) };
  const response = await fetch(url + path, posts ? body : {});
  const { items } = (await response.json()) as { items: { task_id: string }[] };
  return items.map(({ task_id }) => task_id).join(" ");
}

function perRequest(stdout: string): number {
  return 1 / Number(/^Requests\/sec:\s+([\d.]+)$/m.exec(stdout)![1]);
}

function requestsIn(stdout: string): number {
  return Number(/^\s+(\d+) requests in/m.exec(stdout)![1]);
}

function p99(stdout: string): number {
  const [, value, unit] = /^\s+99%\s+([\d.]+)(us|ms|s|m)$/m.exec(stdout)!;
  return Number(value) * { us: 1e-6, ms: 1e-3, s: 1, m: 60 }[unit as "us" | "ms" | "s" | "m"];
}

export function servePage(binary?: string): Work {
  return underLoad("`serve`: one page, a request", ttsctl(binary), PAGE, "a request");
}

function row(id: string, target: number, request: Request, figure: Figure) {
  const [ours, peer] = [
    underLoad(`\`serve\`: ${request.name}, ${figure}`, ttsctl(), request, figure),
    underLoad("FastAPI, uvicorn and redis-py", fastapi, request, figure),
  ];
  return compared({ id, target, isRate: figure === "a request", ours, peer });
}

/** How long a monitoring client waits while others send more requests than the server can answer. */
const flood: Row = {
  about: {
    ...{ id: "flood", work: "`serve`: `/healthz`, p99 while 64 clients ask for pages of 1,000 tasks", peer: "" },
    target: { limit: 500, unit: "ms" },
  },
  async measure(site, runs) {
    const missing = missingOf(["wrk"]);
    if (missing.length > 0) return leftOut(`${missing.join(", ")} is not there`);
    await site.wholeMirror();
    const server = await ttsctl()(site, await freePort());
    const costs: Cost[] = [];
    try {
      for (let run = 0; run < runs; run++) {
        const load = ["-t1", "-c64", `-d${SECONDS * 2}s`, "--timeout", "30s"];
        const flooding = site.run(["wrk", ...load, `${server.url}/voice-tasks?page_size=1000`]);
        const seconds = await healthP99(server, flooding);
        const { stdout } = await flooding;
        costs.push({ seconds, stdout, peakMb: server.peakMb });
      }
    } finally {
      await server.stop();
    }
    const ours = summaryOf(costs);
    return { ours, theirs: null, value: ours.median * 1000, leftOut: null };
  },
};

async function healthP99(server: Server, work: Promise<unknown>): Promise<number> {
  let isDone = false;
  const done = work.finally(() => {
    isDone = true;
  });
  const times: number[] = [];
  while (!isDone) {
    const began = performance.now();
    const answer = await fetch(`${server.url}/healthz`);
    expectThat(answer.status === 200, await answer.text());
    times.push((performance.now() - began) / 1000);
    await setTimeout(5);
  }
  await done;
  return times.sort((a, b) => a - b)[Math.floor(times.length * 0.99)]!;
}

/** The page in a browser, from an empty cache. */
function pageInBrowser(): Work {
  let server: Server;
  return {
    name: "`serve`: the page's first task, 50 ms away",
    async prepare(site) {
      await site.wholeMirror();
      server = await ttsctl()(site, await freePort());
    },
    async run(site) {
      const script = join(site.place.project, "bench/peers/browser.mjs");
      const { stdout } = await site.run([process.execPath, script, `${server.url}/`]);
      return { stdout, seconds: Number(stdout) / 1000, peakMb: server.peakMb };
    },
    check: (_, { seconds }) => expectThat(seconds > 0, seconds),
    finish: () => server?.stop(),
  };
}

export const SERVE_ROWS: readonly Row[] = [
  row("serve", 4.5, PAGE, "a request"),
  row("serve-p99", 1, PAGE, "p99"),
  row("serve-ids", 2, IDS, "a request"),
  flood,
  waitedFor("serve-browser", 400, pageInBrowser()),
];
