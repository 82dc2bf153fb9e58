// Runs the bundle briefly and saves V8's code cache beside it. That saves a short command a third of its time. Other
// versions of Node.js ignore the cache.
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Writable } from "node:stream";
import { setFlagsFromString } from "node:v8";

const { load } = createRequire(import.meta.url)("../bin/ttsctl");
const bundle = new URL("../dist/main.cjs", import.meta.url).pathname;

const FIELDS = {
  status: "failed",
  error: "显存不足",
  created_at: "2025-01-01T00:00:00.25",
  updated_at: "2025-01-01T00:00:00.5",
};
const TASK = {
  task_id: "t",
  user_id: "u",
  ...FIELDS,
  progress: 12,
  text: 'a "b" \\ c\n',
  top_p: 1.5,
  done: true,
  result_path: null,
};
const bulk = (text) => `$${Buffer.byteLength(text)}\r\n${text}\r\n`;
const HASH = `*5\r\n${[JSON.stringify(TASK), ...Object.values(FIELDS)].map(bulk).join("")}`;
const HASHES = `*2\r\n${HASH}${HASH}`;
const MEMBERS = `*4\r\n${["t", "1735689600.5", "t2", "1735689600.5"].map(bulk).join("")}`;
/** The replies of a Redis with two tasks to the commands of a page. */
const REPLIES = {
  PING: "+PONG\r\n",
  GET: bulk("2025-01-01T00:00:00Z"),
  ZCARD: ":2\r\n",
  ZCOUNT: ":2\r\n",
  ZRANGE: MEMBERS,
  "HMGET tts:ttsctl:counted": `*2\r\n${bulk("2")}${bulk("2")}`,
  EVAL: HASHES,
  EVALSHA: HASHES,
};
const COMMAND = /\*\d+\r\n\$\d+\r\n(\w+)\r\n(?:\$\d+\r\n([^\r]*)\r\n)?/g;
const server = createServer((socket) => {
  socket.setEncoding("latin1").on("data", (text) => {
    for (const [, name, key] of text.matchAll(COMMAND)) {
      socket.write(REPLIES[`${name.toUpperCase()} ${key}`] ?? REPLIES[name.toUpperCase()] ?? "+OK\r\n");
    }
  });
});
server.listen(0, "127.0.0.1");
await once(server, "listening");

const cwd = mkdtempSync(join(tmpdir(), "ttsctl-compile-"));
writeFileSync(
  join(cwd, "config.ini"),
  `[redis]\nhost = 127.0.0.1\nport = ${server.address().port}\n; the rest\n[store]\npath = "voice_task.json"\n`,
);
// Two builds are to have the same bytes (script/build.mjs also starts this with the same random numbers): what V8 does by the
// clock leaves traces in the cache. It must have its usual flags again when the cache is made, or another process refuses it.
const BY_THE_CLOCK = ["flush-bytecode", "opt", "sparkplug"];
for (const flag of BY_THE_CLOCK) setFlagsFromString(`--no-${flag}`);

const COMMANDS = ["list --user u -o json", "list --user u", "list --no-redis"];
const { script, exports } = load(bundle, undefined, "main.cjs"); // wherever it is built
const output = [];
const kept = () =>
  new Writable({
    write(chunk, _encoding, done) {
      output.push(chunk);
      done();
    },
  });
try {
  for (const command of COMMANDS) {
    const streams = { stdin: process.stdin, stdout: kept(), stderr: kept() };
    const { signal } = new AbortController();
    const code = await exports.main({ argv: command.split(" "), env: {}, cwd, streams, stopSignal: () => signal });
    if (code !== 0) throw new Error(`${command} ended with ${code}`);
  }
  if (!/"source": ?"redis"/.test(output.join("")))
    throw new Error(`the page wasn't read from Redis: ${output.join("")}`);
  for (const flag of BY_THE_CLOCK) setFlagsFromString(`--${flag}`);
  const cache = script.createCachedData();
  if (load(bundle, cache).script.cachedDataRejected) throw new Error("V8 refuses its own code cache");
  writeFileSync(`${bundle}.code`, cache);
} finally {
  rmSync(cwd, { recursive: true });
  server.close();
}
