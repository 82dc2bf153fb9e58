import { expect, it, onTestFinished } from "vitest";
import { usePlace } from "../e2e/setup.ts";
import { parrotServer, redisProxy, type TestServer } from "../helpers/faults.ts";
import { record } from "../helpers/records.ts";
import { Running } from "../helpers/ttsctl.ts";
import { until } from "../helpers/until.ts";
import { Served } from "../http/setup.ts";
import { drawn } from "./helpers/chance.ts";

const here = usePlace();

async function proxied(change?: (answer: string) => string): Promise<TestServer> {
  const proxy = await redisProxy(here.server.port, () => "pass", change);
  onTestFinished(() => proxy.stop());
  here.root.configure(proxy.port);
  here.root.writeStore([record("alice", "t1")]);
  return proxy;
}

const STRAYS = ["$-1\r\n", "*-1\r\n", "-ERR unexpected\r\n", ":1\r\n"];

it.each(drawn("stray replies", STRAYS))("a stray reply, %j, makes a server connect again", async (stray) => {
  const proxy = await proxied();
  const server = await Served.start(here.root.path, ["--no-cleanup"]);
  onTestFinished(() => server.run.stop());
  const page = () => server.json("/voice-tasks") as Promise<{ source: string; total: number }>;
  await until(async () => (await page()).source === "redis");
  proxy.say(stray);
  await server.run.says(/no command asked for/);
  expect(await page()).toMatchObject({ total: 1 });
  await until(async () => (await page()).source === "redis");
});

it.each([
  ["sync", 4],
  ["verify --repair", 4],
  ["list --page-size 1000 --source redis", 4],
  ["list", 0],
  ["stats", 0],
  ["cleanup --once", 4],
])("a server that answers OK to all, a PING too, ends %s", async (line, code) => {
  await using parrot = await parrotServer("+OK");
  here.root.configure(parrot.port);
  here.root.writeStore([record("alice", "t1")]);
  const run = new Running(line.split(" "), { cwd: here.root.path });
  await until(() => run.child.exitCode !== null, 20).catch(() => run.kill("SIGKILL"));
  const { code: ended, stderr } = await run.end();
  expect([ended, stderr]).toEqual([code, expect.stringContaining("OK")]);
});

const bulk = (text: string) => `$${text.length}\r\n${text}\r\n`;

it.each([
  "list -o json",
  "list --user alice --limit all",
  "list --user alice --ids t1,t2 -o json",
  "stats",
  "sync --checksum",
  "verify --repair",
  "cleanup --once --dry-run",
  "cleanup --orphans",
  "delete --user alice --ids t1 --yes --dry-run",
  "doctor",
])(
  "answers with inner parts of another type never end %s as an unforeseen error",
  async (line) => {
    let [from, to] = ["", ""];
    await proxied((answer) => (from === "" ? answer : answer.replaceAll(from, to)));
    here.root.writeStore([record("alice", "t1", { updated_at: 1577865605 }), record("alice", "t2")]);
    expect(await here.run("sync")).toMatchObject({ code: 0 });
    for (const text of drawn(line, ["alice:t1", "t1", "succeeded", "1577865605"], 2)) {
      for (const other of [":7\r\n", "*0\r\n"]) {
        [from, to] = [bulk(text), other];
        const { code, stderr } = await here.run(line);
        expect([text, other, stderr]).not.toContainEqual(expect.stringMatching(/unexpected error|INTERNAL/));
        if (line !== "doctor") expect([0, 3, 4]).toContain(code);
      }
    }
  },
  120_000,
);
