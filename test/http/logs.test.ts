import { appendFileSync, renameSync, rmSync, symlinkSync, truncateSync } from "node:fs";
import { beforeEach, describe, expect, it } from "vitest";
import { FastClock } from "../helpers/clock.ts";
import { ago, record } from "../helpers/records.ts";
import { until } from "../helpers/until.ts";
import { type Served, useServer } from "./setup.ts";
import { EventStream, request, Wire } from "./wire.ts";

const here = useServer();
const SECRET = "only-for-the-operator-0123456789";
const RUNNING = record("alice", "t01", { status: "running", updated_at: ago(60) });
const LOG = "Logs/20260101/08/t01.log";
const STREAM = "/voice-tasks/t01/logs/stream?user_id=alice";

beforeEach(() => {
  here.root.writeStore([RUNNING]);
  here.root.write("Logs/20260101/07/t01.log", "a\nb\n");
  here.root.write(LOG, "one\ntwo\nthree\n");
  here.root.write("secret.log", SECRET);
});

const serve = () => here.serve("--no-cleanup", {}, new FastClock());
const open = (server: Served, query = "") => EventStream.open(server.port, STREAM + query);
const linesOf = (stream: EventStream) =>
  stream.events().flatMap(([event, { lines }]) => (event === "lines" ? (lines as string[]) : []));

async function expectLines(stream: EventStream, ...lines: string[]): Promise<void> {
  await until(() => linesOf(stream).join("|") === lines.join("|")).catch((cause) => {
    throw new Error(`not ${lines}, but ${linesOf(stream)}`, { cause });
  });
}

/** What its last event says. */
async function endOf(stream: EventStream): Promise<unknown> {
  await stream.wire.end();
  const [event, data] = stream.events().at(-1)!;
  expect(event).toBe("end");
  return data;
}

it("the last lines never come from outside Logs/, whatever the id or a link is", async () => {
  symlinkSync(here.root.at("secret.log"), here.root.at("Logs/20260101/08/link.log"));
  symlinkSync(here.root.path, here.root.at("Logs/20260102"));
  here.root.writeStore([RUNNING, record("alice", "link"), record("alice", "../../secret")]);
  const server = await serve();
  const ids = ["../../secret", "../secret", "..", ".", "link", "secret", "/etc/passwd", "%00", "..\\secret"];
  for (const task_id of ids) {
    const params = new URLSearchParams({ user_id: "alice", task_id });
    expect(await (await server.fetch(`/voice-task/logs?${params}`)).text()).not.toContain(SECRET);
    const stream = await EventStream.open(server.port, `/voice-task/logs/stream?${params}`);
    await until(() => stream.wire.ended);
    expect([task_id, stream.wire.text.includes(SECRET)]).toEqual([task_id, false]);
  }
});

describe("a stream", () => {
  it("gives the last lines, then new ones, until the task is finished", async () => {
    const server = await serve();
    await server.run.says(/from the file to Redis/);
    const stream = await open(server, "&lines=2");
    await expectLines(stream, "two", "three");
    expect(stream.wire.text).toMatch(/^content-type: text\/event-stream/im);
    appendFileSync(here.root.at(LOG), "语音\r\nhalf");
    await expectLines(stream, "two", "three", "语音");
    here.root.write("Logs/20260101/09/t01.log", "next hour\n");
    await expectLines(stream, "two", "three", "语音", "next hour");
    appendFileSync(here.root.at(LOG), " and half\n");
    await expectLines(stream, "two", "three", "语音", "next hour", "half and half");
    await here.mirrored({ ...RUNNING, status: "failed", updated_at: ago(1) });
    appendFileSync(here.root.at(LOG), "the end");
    expect(await endOf(stream)).toEqual({ reason: "finished", status: "error" });
    expect(linesOf(stream).at(-1)).toBe("the end");
  });

  it("ends with its task", async () => {
    const server = await serve();
    const stream = await open(server, "&lines=1");
    await expectLines(stream, "three");
    here.root.writeStore([]);
    await here.server.call("FLUSHALL");
    expect(await endOf(stream)).toEqual({ reason: "gone", status: null });
    expect(stream.wire.text).toContain("id: end\n");
    const again = await server.fetch(STREAM, { headers: { "last-event-id": "end" } });
    expect(again.status).toBe(204); // so an EventSource doesn't ask again
  });

  it("goes on over a log that is truncated, replaced or removed, and says so", async () => {
    const server = await serve();
    const stream = await open(server, "&lines=1");
    await expectLines(stream, "three");
    truncateSync(here.root.at(LOG), 0);
    appendFileSync(here.root.at(LOG), "cut\n");
    await expectLines(stream, "three", "cut");
    renameSync(here.root.at(LOG), here.root.at("Logs/20260101/08/t01.log.1"));
    here.root.write(LOG, "new file\n");
    await expectLines(stream, "three", "cut", "new file");
    const notes = stream.events().filter(([event]) => event === "note");
    expect(notes.map(([, note]) => note)).toEqual([
      expect.stringMatching(/t01\.log.* was truncated$/),
      expect.stringMatching(/t01\.log.* was replaced$/),
    ]);
    rmSync(here.root.at(LOG));
    here.root.write("Logs/20260101/09/t01.log", "later\n");
    await expectLines(stream, "three", "cut", "new file", "later");
  });

  it("ends within 5 s when the server stops, also for a client that reads nothing", async () => {
    here.root.write(LOG, `${"x".repeat(200)}\n`.repeat(20_000));
    const server = await serve();
    const stream = await open(server);
    await until(() => linesOf(stream).length === 20);
    const deaf = await Wire.open(server.port);
    deaf.socket.pause();
    deaf.socket.write(request(`GET ${STREAM}&lines=10000`));
    const began = performance.now();
    expect(await server.stop()).toBe(0);
    expect(performance.now() - began).toBeLessThan(8_000);
    expect(await endOf(stream)).toEqual({ reason: "interrupted", status: "run" });
    deaf.socket.destroy();
  });

  it("goes on from the file while Redis is down", async () => {
    await here.server.stop();
    const server = await serve();
    const stream = await open(server, "&lines=1");
    await expectLines(stream, "three");
    here.root.write("voice_task.json", JSON.stringify([{ ...RUNNING, status: "succeeded" }]));
    expect(await endOf(stream)).toEqual({ reason: "finished", status: "done" });
    await here.server.start();
  });
});
