import { expect, test } from "vitest";
import type { Source } from "../../src/config/settings.ts";
import { CONFIG, type Row, refusal, resolved } from "./inputs.ts";

/** Each part as [value, source]. */
function address(row: Row): Record<string, [unknown, Source]> {
  const { host, port, db, username, password, tls, socket } = resolved(row).redis;
  const parts = Object.entries({ host, port, db, username, password, tls, socket });
  return Object.fromEntries(parts.map(([name, { value, source }]) => [name, [value, source]]));
}

/** Nothing but a url, at one level. */
function urlAlone(source: Source): Record<string, [unknown, Source]> {
  const parts = { host: "127.0.0.1", port: 6379, db: 0, username: null, password: null, tls: false, socket: null };
  return Object.fromEntries(Object.entries(parts).map(([name, value]) => [name, [value, source]]));
}

const FULL = "[redis]\nhost = fh\nport = 1\ndb = 1\nusername = fu\npassword = fp\n";
const ENV = { REDIS_HOST: "eh", REDIS_PORT: "2", REDIS_DB: "2", REDIS_USERNAME: "eu", REDIS_PASSWORD: "ep" };

test.each<[string, Row, Source, Record<string, unknown>]>([
  ["flag over all", { flags: { redisUrl: "redis://h" }, env: ENV, file: FULL }, "flag", { host: "h" }],
  ["variable over the file", { env: { REDIS_URL: "redis://:p@h" }, file: FULL }, "env", { host: "h", password: "p" }],
  [
    "in the file",
    { file: "[redis]\nurl = rediss://u:p%%40@h:7/5" },
    "file",
    { host: "h", port: 7, db: 5, username: "u", password: "p@", tls: true },
  ],
  ["with blanks beside it", { file: "[redis]\nurl = redis://h\npassword =\nusername =\n" }, "file", { host: "h" }],
  ["a socket", { env: { REDIS_URL: " unix:///r.sock?db=1 " }, file: FULL }, "env", { socket: "/r.sock", db: 1 }],
])("a url replaces all lower levels, absent parts included: %s", (_, row, source, parts) => {
  const expected = {
    ...urlAlone(source),
    ...Object.fromEntries(Object.entries(parts).map(([k, v]) => [k, [v, source]])),
  };
  expect(address(row)).toEqual(expected);
});

test.each<[string, Row, Record<string, [unknown, Source]>]>([
  [
    "some",
    { env: { REDIS_HOST: "eh", REDIS_PASSWORD: "ep" }, file: "[redis]\nurl = rediss://u:p@h:7/5" },
    {
      ...{ host: ["eh", "env"], password: ["ep", "env"], port: [7, "file"] },
      ...{ db: [5, "file"], username: ["u", "file"], tls: [true, "file"] },
    },
  ],
  [
    "a host",
    { env: { REDIS_HOST: "eh" }, file: "[redis]\nurl = unix:///s" },
    { host: ["eh", "env"], socket: [null, "file"] },
  ],
])("a part above a url replaces that part: %s", (_, row, parts) => {
  expect(address(row)).toMatchObject(parts);
});

const options = ["host = x", "port = 1", "db = 1", "username = x", "password = x"];
test.each<[string, Row, string]>([
  ...Object.entries(ENV).map(([name, value]): [string, Row, string] => {
    return [name, { env: { REDIS_URL: "redis://h", [name]: value } }, "REDIS_URL"];
  }),
  ...options.map((option): [string, Row, string] => {
    const name = `${CONFIG} [redis] ${option.split(" ")[0]}`;
    return [name, { file: `[redis]\nurl = redis://h\n${option}\n` }, `${CONFIG} [redis] url`];
  }),
])("a url and a part of it at one level is an error: %s", (part, row, url) => {
  const error = refusal(row);
  expect(error.code).toBe("CONFIG_INVALID");
  expect(error.message).toContain(`${url} and ${part} are both set`);
});
