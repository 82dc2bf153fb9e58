import { readFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { FastClock } from "../helpers/clock.ts";
import { LONG } from "../helpers/long.ts";
import { ago, record } from "../helpers/records.ts";
import { until } from "../helpers/until.ts";
import { type Served, useServer } from "./setup.ts";
import { request, Wire } from "./wire.ts";

const here = useServer();
const MOST_STREAMS = 32;
const LOG_STREAM = "/voice-tasks/t01/logs/stream?user_id=alice";
const open: Stream[] = [];
const TASKS = [record("alice", "t01", { status: "running" }), record("bob", "t02")];

beforeEach(() => here.root.writeStore(TASKS));
afterEach(() => {
  for (const stream of open.splice(0)) stream.leave();
});

const STATUSES = [
  ["queued", "wait"],
  ["succeeded", "done"],
  ["failed", "error"],
  ["running", "run"],
] as const;

// biome-ignore lint/suspicious/noExplicitAny: the JSON of any event
type Data = Record<string, any>;

/** A stream under way, and its events so far. */
class Stream {
  readonly events: [event: string, data: Data][] = [];
  text = "";
  hasEnded = false;
  readonly response: Response;
  readonly #question: AbortController;

  private constructor(response: Response, question: AbortController) {
    this.response = response;
    this.#question = question;
    void this.#read().finally(() => {
      this.hasEnded = true;
    });
  }

  static async open(server: Served, path = "/stream?every=1", options: RequestInit = {}): Promise<Stream> {
    const question = new AbortController();
    const response = await server.fetch(path, { ...options, signal: question.signal });
    const stream = new Stream(response, question);
    open.push(stream);
    return stream;
  }

  leave(): void {
    this.#question.abort();
  }

  of(event: string): Data[] {
    return this.events.filter(([name]) => name === event).map(([, data]) => data);
  }

  last(event: string): Data | undefined {
    return this.of(event).at(-1);
  }

  /** Waits until the last event of a kind is like this. */
  async gets(event: string, what: Data): Promise<Data> {
    await until(() => {
      const last = this.last(event);
      return last !== undefined && expect.objectContaining(what).asymmetricMatch(last);
    }).catch((cause) => {
      throw new Error(`no ${event} like ${JSON.stringify(what)} in ${this.text.slice(-2000)}`, { cause });
    });
    return this.last(event)!;
  }

  /** Waits until the last list has these tasks. */
  async lists(...tasks: string[]): Promise<Data> {
    const page = expect.objectContaining({
      items: tasks.map((task) => {
        const [task_id, status] = task.split(" ");
        return expect.objectContaining({ task_id, ...(status === undefined ? {} : { status }) });
      }),
    });
    return this.gets("list", { page });
  }

  async #read(): Promise<void> {
    const decoder = new TextDecoder();
    try {
      for await (const chunk of this.response.body!) {
        this.text += decoder.decode(chunk, { stream: true });
        const whole = this.text.slice(0, this.text.lastIndexOf("\n\n") + 2);
        this.events.splice(0);
        for (const [, event, data] of whole.matchAll(/^event: (\w+)\ndata: ([^\n]*)$/gm)) {
          this.events.push([event!, JSON.parse(data!)]);
        }
      }
    } catch {
      // left, or the server has stopped
    }
  }
}

function posted(body: object): RequestInit {
  return { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
}

async function serve(env: Record<string, string> = {}): Promise<Served> {
  const server = await here.serve("--no-cleanup", env, new FastClock("fast"));
  await server.run.says(/from the file to Redis/);
  return server;
}

function memoryMb({ run }: Served): number {
  const status = readFileSync(`/proc/${run.pid}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)![1]) / 1024;
}

describe("a stream", () => {
  it("begins with what single requests answer, and sends what changes, in Redis or in the file", async () => {
    const server = await serve();
    const stream = await Stream.open(server, "/stream?every=1&page_size=2&span=7d");
    expect(stream.response.headers.get("content-type")).toBe("text/event-stream");
    expect(stream.response.headers.get("x-accel-buffering")).toBe("no");
    const { at, page, warnings } = await stream.lists("t02", "t01 run");
    expect([page, warnings]).toEqual([await server.json("/voice-tasks?page_size=2"), []]);
    expect(Math.abs(Date.parse(at) - Date.now())).toBeLessThan(60_000);
    const { at: counted, ...chart } = await stream.gets("stats", { total: 2 });
    expect(await server.json("/stats/chart?span=7d")).toMatchObject(chart);
    expect(Math.abs(Date.parse(counted) - Date.now())).toBeLessThan(60_000);
    const { at: seen, ...health } = await stream.gets("health", {});
    expect(health).toEqual(await server.json("/healthz"));
    await here.mirrored(record("alice", "t01", { status: "succeeded", updated_at: ago(5) }));
    await stream.lists("t01 done", "t02");
    await stream.gets("stats", { byStatus: expect.objectContaining({ run: 0, done: 2 }) });
    await here.mirrored(record("alice", "t03", { updated_at: ago(1) }));
    await stream.lists("t03", "t01");
    await stream.gets("stats", { total: 3 });
    here.root.writeStore([...TASKS, record("alice", "t04"), record("alice", "t05"), record("alice", "t06")]);
    await here.server.call("DEL", "tts:tasks:index");
    await stream.gets("stats", { total: 5, source: "file" });
    expect((await stream.gets("list", {})).page.source).toBe("file");
  });

  it("sends nothing twice: only until when the list and the counts are the same", async () => {
    const server = await serve();
    const stream = await Stream.open(server);
    const first = await stream.lists("t02", "t01");
    await stream.gets("stats", { total: 2 });
    await until(() => {
      const { list, stats } = stream.last("unchanged") ?? {};
      return list > first.at && stats >= list;
    }, 30);
    expect(stream.of("list")).toHaveLength(1);
    expect(stream.of("stats")).toHaveLength(1);
    expect(stream.of("health")).toHaveLength(1);
    expect(stream.text).toContain(": still here\n\n");
  });

  it("keeps the time between two updates that was asked for", async () => {
    const server = await serve();
    const stream = await Stream.open(server, "/stream?every=2");
    await stream.lists("t02", "t01");
    const first = Date.parse(stream.last("list")!.at);
    await here.mirrored(record("alice", "t03", { updated_at: ago(1) }));
    const { at } = await stream.lists("t03", "t02", "t01");
    expect(Date.parse(at) - first).toBeGreaterThanOrEqual(1900);
  });

  it("answers a filter, of the URL or of a body", async () => {
    const server = await serve();
    const byUrl = await Stream.open(server, "/stream?every=1&user_id=alice&status=run");
    await byUrl.lists("t01");
    await byUrl.gets("stats", { user: "alice", total: 1 });
    const byBody = await Stream.open(server, "/stream?every=1", posted({ user_id: "alice", task_ids: ["t01", "zz"] }));
    expect((await byBody.lists("t01 run")).page.missing).toEqual(["zz"]);
    await here.mirrored(record("alice", "t01", { status: "failed", updated_at: ago(1) }));
    await byUrl.lists();
    await byBody.lists("t01 error");
  });

  it("says that a part can't be answered, and goes on", async () => {
    here.root.configure(null);
    const server = await here.serve("--no-cleanup", {}, new FastClock("fast"));
    const stream = await Stream.open(server);
    await stream.lists("t02", "t01");
    here.root.write("voice_task.json", "[{");
    await stream.gets("problem", { code: "STORE_INVALID", status: 503 });
    await until(() => stream.of("problem").some((problem) => problem.of === "list"));
    expect((await stream.gets("health", { store: "unreadable" })).status).toBe("down");
    here.root.writeStore([record("alice", "t07")]);
    await stream.lists("t07");
    expect((await stream.gets("health", { store: "ok" })).status).toBe("ok");
  });

  it("goes on from the file when Redis stops, and from Redis when it is back", async () => {
    const server = await serve();
    const stream = await Stream.open(server);
    await stream.lists("t02", "t01");
    await here.server.stop();
    await stream.gets("health", { redis: "down", status: "degraded" });
    await until(() => stream.last("list")!.page.source === "file");
    await here.server.start();
    await stream.gets("health", { redis: "ok", status: "ok" });
    await until(() => stream.last("list")!.page.source === "redis");
  });

  it.each([
    ["every=0", "accepted: a whole number of seconds from 1 to 3600"],
    ["every=x", "accepted: a whole number of seconds from 1 to 3600"],
    ["span=1y", "accepted: 24h, 7d, 30d"],
    ["page_size=101", "GET /voice-tasks"],
    ["task_ids=t01", "user_id"],
    ["follow=1", "accepted: "],
    ["span=7d&span=7d", "once"],
  ])("%s is refused in one line", async (param, hint) => {
    const server = await here.serve("--no-cleanup", {}, new FastClock("fast"));
    const answer = await server.fetch(`/stream?${param}`);
    const problem = (await answer.json()) as Data;
    expect([answer.status, problem.code]).toEqual([400, "USAGE"]);
    expect(`${problem.detail} ${problem.hint}`).toContain(hint);
    expect(problem.detail).not.toContain("\n");
  });

  it("refuses bodies that are wrong or too large, and other sites", async () => {
    const server = await here.serve("--no-cleanup", {}, new FastClock("fast"));
    const status = async (options: RequestInit, path = "/stream") => (await server.fetch(path, options)).status;
    expect(await status(posted({ task_ids: ["t01"] }))).toBe(400);
    expect(await status(posted({ user_id: "a", task_ids: Array.from({ length: 101 }, (_, i) => `t${i}`) }))).toBe(400);
    expect(await status(posted({ user_id: "x".repeat(70_000) }))).toBe(413);
    expect(await status(posted({ page: 1 }), "/stream?page=2")).toBe(400);
    expect(await status({ method: "POST", body: "{}" })).toBe(415);
    const foreign = { "content-type": "application/json", origin: "http://evil.example" };
    expect(await status({ method: "POST", body: "{}", headers: foreign })).toBe(403);
    expect(await status({ method: "DELETE" })).toBe(405);
    const head = await server.fetch("/stream", { method: "HEAD" });
    expect([head.status, head.headers.get("content-type")]).toEqual([200, "text/event-stream"]);
  });

  it("of hostile texts has one line of JSON for each event", async () => {
    const text = "\u0000\r\n\n\ndata: x\n\nevent: list\ndata: {}\u2028\u202e<script>語";
    here.root.writeStore([record("a\nb", "t01", { text, error: text })]);
    const stream = await Stream.open(await serve());
    const { page } = await stream.lists("t01");
    expect(page.items[0]).toMatchObject({ user_id: "a\nb", text, error: text });
    for (const block of stream.text.split("\n\n")) {
      expect(block).toMatch(/^(: still here|event: \w+\ndata: \{[^\n]*\}|)$/);
    }
  });

  it("doesn't send lists that are too long", async () => {
    const long = "x".repeat(1 << 20);
    here.root.writeStore(Array.from({ length: 5 }, (_, i) => record("alice", `t0${i}`, { text: long })));
    const stream = await Stream.open(await serve());
    const problem = await stream.gets("problem", { of: "list", code: "USAGE" });
    expect(problem.hint).toContain("GET /voice-tasks");
    expect(stream.text.length).toBeLessThan(20_000);
  });
});

describe("many streams", () => {
  it("share one answer to the same question, and are 32 with those of logs", async () => {
    const server = await serve();
    const streams = await Promise.all(Array.from({ length: MOST_STREAMS }, () => Stream.open(server)));
    for (const stream of streams) await stream.lists("t02", "t01");
    for (const path of ["/stream", LOG_STREAM]) {
      const refused = await server.fetch(path);
      expect([refused.status, refused.headers.get("retry-after")]).toEqual([503, "5"]);
      expect(await refused.json()).toMatchObject({ code: "BUSY" });
    }
    expect((await server.fetch("/voice-tasks")).status).toBe(200);
    expect(new Set(streams.map((stream) => stream.last("list")!.at)).size).toBeLessThanOrEqual(2);
    streams[0]!.leave();
    await until(async () => {
      const next = await Stream.open(server, LOG_STREAM);
      return next.response.status === 200;
    });
    for (const stream of open) stream.leave();
    await until(async () => (await server.fetch("/stream", { signal: AbortSignal.timeout(500) })).status === 200);
    expect(server.run.stderr).not.toMatch(/Warning|internal error/);
  });

  it.runIf(LONG)("of clients that read nothing buffer nothing, and skip to the newest", async () => {
    const text = "x".repeat(30_000);
    const all = (status: string) => {
      return Array.from({ length: 100 }, (_, i) => record("alice", `t${i}`, { status, text, updated_at: ago(60) }));
    };
    here.root.configure(null);
    here.root.writeStore(all("running"));
    const server = await here.serveBuilt("--no-cleanup");
    const deaf = await Promise.all(Array.from({ length: 20 }, () => Wire.open(server.port)));
    for (const { socket } of deaf) {
      socket.pause();
      socket.write(request("GET /stream?every=1&page_size=100"));
    }
    const reader = await Stream.open(server, "/stream?every=1&page_size=1");
    await reader.gets("stats", { total: 100 });
    const change = async (times: number) => {
      for (let i = 0; i < times; i++) {
        const [word, status] = STATUSES[i % STATUSES.length]!;
        here.root.writeStore(all(word));
        await until(() => reader.last("list")!.page.items[0].status === status);
      }
    };
    await change(4);
    const before = memoryMb(server);
    await change(8);
    expect(memoryMb(server) - before).toBeLessThan(150); // 20 clients times 8 lists of 3 MB are 480 MB
    for (const { socket } of deaf) socket.destroy();
  });

  it("end within 5 s when the server stops, also for a client that reads nothing", async () => {
    const text = "x".repeat(30_000);
    here.root.writeStore(Array.from({ length: 100 }, (_, i) => record("alice", `t${i}`, { text })));
    const server = await serve();
    const stream = await Stream.open(server, "/stream?every=1&page_size=1");
    await stream.gets("list", {});
    const deaf = await Wire.open(server.port);
    deaf.socket.pause();
    deaf.socket.write(request("GET /stream?every=1&page_size=100"));
    await server.fetch("/metrics");
    const began = performance.now();
    expect(await server.stop()).toBe(0);
    expect(performance.now() - began).toBeLessThan(8_000);
    await until(() => stream.hasEnded);
    deaf.socket.destroy();
  });

  it("need the token", async () => {
    const TTSCTL_HTTP_TOKEN = "a-token-of-32-characters-or-more";
    const server = await here.serve("--no-cleanup", { TTSCTL_HTTP_TOKEN }, new FastClock("fast"));
    expect((await server.fetch("/stream")).status).toBe(401);
    expect((await server.fetch("/stream", posted({}))).status).toBe(401);
    const stream = await Stream.open(server, "/stream", { headers: { authorization: `Bearer ${TTSCTL_HTTP_TOKEN}` } });
    await stream.lists("t02", "t01");
  });
});
