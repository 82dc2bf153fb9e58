import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { newDoorbell } from "../../src/http/event-stream.ts";
import { FastClock, TestClock } from "../helpers/clock.ts";
import { ago, record } from "../helpers/records.ts";
import { until } from "../helpers/until.ts";
import { type Served, useServer } from "./setup.ts";

const here = useServer();
const MOST_STREAMS = 32;
const LOG_STREAM = "/voice-tasks/t01/logs/stream?user_id=alice";
const open: Stream[] = [];

beforeEach(() => here.root.writeStore([record("alice", "t01", { status: "running" }), record("bob", "t02")]));
afterEach(() => {
  for (const stream of open.splice(0)) stream.leave();
});

/** A stream under way, and its text so far. */
class Stream {
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

  static async open(server: Served, path = "/stream", headers: Record<string, string> = {}): Promise<Stream> {
    const question = new AbortController();
    const response = await server.fetch(path, { headers, signal: question.signal });
    const stream = new Stream(response, question);
    open.push(stream);
    return stream;
  }

  leave(): void {
    this.#question.abort();
  }

  /** The numbers so far. */
  get rings(): number[] {
    return [...this.text.matchAll(/^event: changed\ndata: \{"ring":(\d+)\}\n\n/gm)].map(([, ring]) => Number(ring));
  }

  /** Waits until it is rung once more. */
  async rung(): Promise<number> {
    const { length } = this.rings;
    await until(() => this.rings.length > length);
    return this.rings.at(-1)!;
  }

  async #read(): Promise<void> {
    const decoder = new TextDecoder();
    try {
      for await (const chunk of this.response.body!) this.text += decoder.decode(chunk, { stream: true });
    } catch {
      // left, or the server has stopped
    }
  }
}

async function serve(env: Record<string, string> = {}): Promise<Served> {
  const server = await here.serve("--no-cleanup", env, new FastClock("fast"));
  await server.run.says(/from the file to Redis/);
  return server;
}

describe("a stream", () => {
  it("rings at once, and after changes in Redis or in the file; a list that is asked for then has them", async () => {
    const server = await serve();
    const stream = await Stream.open(server);
    const { headers } = stream.response;
    expect([headers.get("content-type"), headers.get("x-accel-buffering")]).toEqual(["text/event-stream", "no"]);
    await until(() => stream.rings.length >= 2);
    expect(stream.rings[0]).toBe(0);
    const found = async (ring: number, where: string) => {
      const { items, source } = (await server.json("/voice-tasks", { headers: { "ttsctl-ring": `${ring}` } })) as {
        items: { task_id: string; status: string }[];
        source: string;
      };
      const names = items.map(({ task_id, status }) => `${task_id} ${status}`);
      return [...names, source].includes(where);
    };
    const shows = (what: string) => until(async () => found(await stream.rung(), what));
    await here.mirrored(record("alice", "t01", { status: "succeeded", updated_at: ago(5) }));
    await shows("t01 done");
    await here.mirrored(record("alice", "t03", { updated_at: ago(1) }));
    await shows("t03 done");
    await here.server.stop();
    await shows("file");
    here.root.writeStore([record("alice", "t04")]);
    await shows("t04 done");
    await here.server.start();
    await shows("redis");
    expect(stream.text).toMatch(/^: still here\n\n(: still here\n\n|event: changed\ndata: \{"ring":\d+\}\n\n)*/);
  });

  it("rings once a minute without a change, also if somebody listened before", async () => {
    const clock = new TestClock({ longest: 0 });
    const doorbell = newDoorbell(clock, async () => "as before");
    const listen = async (seconds: number): Promise<number> => {
      const leave = new AbortController();
      let rings = 0;
      const left = doorbell.listen(async () => void rings++, leave.signal);
      await clock.advance(seconds);
      leave.abort();
      await Promise.all([left, clock.advance(10)]);
      return rings;
    };
    expect(await listen(90)).toBeGreaterThanOrEqual(2);
    expect(await listen(90)).toBe(2);
  });
});

describe("many streams", () => {
  it("are 32 with those of logs", async () => {
    const server = await serve();
    await Promise.all(Array.from({ length: MOST_STREAMS }, () => Stream.open(server)));
    for (const path of ["/stream", LOG_STREAM]) {
      const refused = await server.fetch(path);
      expect([refused.status, refused.headers.get("retry-after")]).toEqual([503, "5"]);
      expect(await refused.json()).toMatchObject({ code: "BUSY" });
    }
    expect((await server.fetch("/voice-tasks")).status).toBe(200);
    open[0]!.leave();
    await until(async () => {
      const next = await Stream.open(server, LOG_STREAM);
      return next.response.status === 200;
    });
    for (const stream of open) stream.leave();
    await until(async () => (await server.fetch("/stream", { signal: AbortSignal.timeout(500) })).status === 200);
    expect(server.run.stderr).not.toMatch(/Warning|internal error/);
  });
});
