import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { newDoorbell } from "../../src/http/event-stream.ts";
import { LIMITS } from "../../src/http/parts.ts";
import { FastClock, TestClock } from "../helpers/clock.ts";
import { ago, record } from "../helpers/records.ts";
import { until } from "../helpers/until.ts";
import { refusalOf, type Served, useServer } from "./setup.ts";
import { EventStream } from "./wire.ts";

const here = useServer();
const LOG_STREAM = "/voice-tasks/t01/logs/stream?user_id=alice";
const open: EventStream[] = [];

beforeEach(() => here.root.writeStore([record("alice", "t01", { status: "running" }), record("bob", "t02")]));
afterEach(() => {
  for (const { wire } of open.splice(0)) wire.socket.destroy();
});

async function opened(server: Served, path = "/stream"): Promise<EventStream> {
  const stream = await EventStream.open(server.port, path);
  open.push(stream);
  return stream;
}

/** The numbers so far. */
const rings = (stream: EventStream) => stream.events().map(([, { ring }]) => ring as number);

/** Waits for the next ring. */
async function rung(stream: EventStream): Promise<number> {
  const { length } = rings(stream);
  await until(() => rings(stream).length > length);
  return rings(stream).at(-1)!;
}

async function serve(env: Record<string, string> = {}): Promise<Served> {
  const server = await here.serve("--no-cleanup", env, new FastClock("fast"));
  await server.run.says(/from the file to Redis/);
  return server;
}

describe("a stream", () => {
  it("rings at once, and after changes in Redis or in the file; a list that is asked for then has them", async () => {
    const server = await serve();
    const stream = await opened(server);
    expect(stream.wire.text).toMatch(/^content-type: text\/event-stream\r$/im);
    expect(stream.wire.text).toMatch(/^x-accel-buffering: no\r$/im);
    await until(() => rings(stream).length >= 2);
    expect(rings(stream)[0]).toBe(0);
    const found = async (ring: number, where: string) => {
      const { items, source } = (await server.json("/voice-tasks", { headers: { "ttsctl-ring": `${ring}` } })) as {
        items: { task_id: string; status: string }[];
        source: string;
      };
      const names = items.map(({ task_id, status }) => `${task_id} ${status}`);
      return [...names, source].includes(where);
    };
    const shows = (what: string) => until(async () => found(await rung(stream), what));
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
    expect(stream.wire.text).toMatch(/^: still here\n\n/m);
    expect(new Set(stream.events().map(([event]) => event))).toEqual(new Set(["changed"]));
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
    expect(await listen(90)).toBe(4); // at once, for a new mark and again 2 s later, and after a minute
    expect(await listen(90)).toBe(2);
  });
});

it("many streams: 32 with those of logs", async () => {
  const server = await serve();
  await Promise.all(Array.from({ length: LIMITS.streams }, () => opened(server)));
  for (const path of ["/stream", LOG_STREAM]) {
    const refused = await server.fetch(path);
    expect(refused.headers.get("retry-after")).toBe("5");
    expect(await refusalOf(refused)).toEqual([503, "BUSY"]);
  }
  expect((await server.fetch("/voice-tasks")).status).toBe(200);
  open[0]!.wire.socket.destroy();
  await until(async () => (await opened(server, LOG_STREAM)).wire.status === 200);
  for (const { wire } of open) wire.socket.destroy();
  await until(async () => (await server.fetch("/stream", { signal: AbortSignal.timeout(500) })).status === 200);
  expect(server.run.stderr).not.toMatch(/Warning|internal error/);
});
