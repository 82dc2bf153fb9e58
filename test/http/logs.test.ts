import { appendFileSync, renameSync, rmSync, symlinkSync, truncateSync } from "node:fs";
import { beforeEach, describe, expect, it } from "vitest";
import { FastClock } from "../helpers/clock.ts";
import { ago, record } from "../helpers/records.ts";
import { until } from "../helpers/until.ts";
import { type Served, useServer } from "./setup.ts";
import { request, Wire } from "./wire.ts";

const here = useServer();
const SECRET = "only-for-the-operator-0123456789";
const RUNNING = record("alice", "t01", { status: "running", updated_at: ago(60) });
const LOG = "Logs/20260101/08/t01.log";
const STREAM = "/voice-tasks/t01/logs/stream?user_id=alice";

beforeEach(() => {
  here.root.writeStore([RUNNING, record("alice", "done"), record("alice", "../../secret", { status: "running" })]);
  here.root.write("Logs/20260101/07/t01.log", "a\nb\n");
  here.root.write(LOG, "one\ntwo\nthree\n");
  here.root.write("Logs/20260101/08/done.log", "last");
  here.root.write("secret.log", SECRET);
});

/** A stream under way. */
class Stream {
  readonly wire: Wire;

  private constructor(wire: Wire) {
    this.wire = wire;
  }

  static async open(server: Served, path = STREAM, headers: Record<string, string> = {}): Promise<Stream> {
    const wire = await Wire.open(server.port);
    wire.socket.write(request(`GET ${path}`, headers));
    return new Stream(wire);
  }

  events(): [event: string, data: { lines: string[] }][] {
    return [...this.wire.text.matchAll(/event: (\w+)\ndata: (.*)\n/g)].map(([, event, data]) => {
      return [event!, JSON.parse(Buffer.from(data!, "latin1").toString("utf8"))];
    });
  }

  lines(): string[] {
    return this.events().flatMap(([event, data]) => (event === "lines" ? data.lines : []));
  }

  async gets(...lines: string[]): Promise<void> {
    await until(() => this.lines().join("|") === lines.join("|")).catch((cause) => {
      throw new Error(`not ${lines}, but ${this.lines()}`, { cause });
    });
  }

  async ends(): Promise<unknown> {
    await this.wire.end();
    const [event, data] = this.events().at(-1)!;
    expect(event).toBe("end");
    return data;
  }
}

describe("the last lines", () => {
  it("never come from outside Logs/, whatever the id or a link is", async () => {
    symlinkSync(here.root.at("secret.log"), here.root.at("Logs/20260101/08/link.log"));
    symlinkSync(here.root.path, here.root.at("Logs/20260102"));
    here.root.writeStore([RUNNING, record("alice", "link")]);
    const server = await here.serve("--no-cleanup", {}, new FastClock());
    const ids = ["../../secret", "../secret", "..", ".", "link", "secret", "/etc/passwd", "%00", "..\\secret"];
    for (const task_id of ids) {
      const params = new URLSearchParams({ user_id: "alice", task_id });
      expect(await (await server.fetch(`/voice-task/logs?${params}`)).text()).not.toContain(SECRET);
      const stream = await Stream.open(server, `/voice-task/logs/stream?${params}`);
      await until(() => stream.wire.ended);
      expect([task_id, stream.wire.text.includes(SECRET)]).toEqual([task_id, false]);
    }
  });
});

describe("a stream", () => {
  it("gives the last lines, then new ones, until the task is finished", async () => {
    const server = await here.serve("--no-cleanup", {}, new FastClock());
    await server.run.says(/from the file to Redis/);
    const stream = await Stream.open(server, `${STREAM}&lines=2`);
    await stream.gets("two", "three");
    expect(stream.wire.text).toMatch(/^content-type: text\/event-stream/im);
    appendFileSync(here.root.at(LOG), "语音\r\nhalf");
    await stream.gets("two", "three", "语音");
    here.root.write("Logs/20260101/09/t01.log", "next hour\n");
    await stream.gets("two", "three", "语音", "next hour");
    appendFileSync(here.root.at(LOG), " and half\n");
    await stream.gets("two", "three", "语音", "next hour", "half and half");
    await here.mirrored({ ...RUNNING, status: "failed", updated_at: ago(1) });
    appendFileSync(here.root.at(LOG), "the end");
    expect(await stream.ends()).toEqual({ reason: "finished", status: "error" });
    expect(stream.lines().at(-1)).toBe("the end");
  });

  it("ends with its task", async () => {
    const server = await here.serve("--no-cleanup", {}, new FastClock());
    const stream = await Stream.open(server, `${STREAM}&lines=1`);
    await stream.gets("three");
    here.root.writeStore([]);
    await here.server.call("FLUSHALL");
    expect(await stream.ends()).toEqual({ reason: "gone", status: null });
    expect(stream.wire.text).toContain("id: end\n");
  });

  it("goes on over a log that is truncated, replaced or removed, and says so", async () => {
    const server = await here.serve("--no-cleanup", {}, new FastClock());
    const stream = await Stream.open(server, `${STREAM}&lines=1`);
    await stream.gets("three");
    truncateSync(here.root.at(LOG), 0);
    appendFileSync(here.root.at(LOG), "cut\n");
    await stream.gets("three", "cut");
    renameSync(here.root.at(LOG), here.root.at("Logs/20260101/08/t01.log.1"));
    here.root.write(LOG, "new file\n");
    await stream.gets("three", "cut", "new file");
    const notes = stream.events().filter(([event]) => event === "note");
    expect(notes.map(([, note]) => note)).toEqual([
      expect.stringMatching(/t01\.log.* was truncated$/),
      expect.stringMatching(/t01\.log.* was replaced$/),
    ]);
    rmSync(here.root.at(LOG));
    here.root.write("Logs/20260101/09/t01.log", "later\n");
    await stream.gets("three", "cut", "new file", "later");
  });

  it("ends within 5 s when the server stops, also for a client that reads nothing", async () => {
    here.root.write(LOG, `${"x".repeat(200)}\n`.repeat(20_000));
    const server = await here.serve("--no-cleanup", {}, new FastClock());
    const stream = await Stream.open(server);
    await until(() => stream.lines().length === 20);
    const deaf = await Wire.open(server.port);
    deaf.socket.pause();
    deaf.socket.write(request(`GET ${STREAM}&lines=10000`));
    const began = performance.now();
    expect(await server.stop()).toBe(0);
    expect(performance.now() - began).toBeLessThan(8_000);
    expect(await stream.ends()).toEqual({ reason: "interrupted", status: "run" });
    deaf.socket.destroy();
  });

  it("goes on from the file while Redis is down", async () => {
    await here.server.stop();
    const server = await here.serve("--no-cleanup", {}, new FastClock());
    const stream = await Stream.open(server, `${STREAM}&lines=1`);
    await stream.gets("three");
    here.root.write("voice_task.json", JSON.stringify([{ ...RUNNING, status: "succeeded" }]));
    expect(await stream.ends()).toEqual({ reason: "finished", status: "done" });
    await here.server.start();
  });
});
