import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { PATH } from "../../src/config/kinds.ts";
import { placeOf, rowOf, SETTING_NAMES, type Setting, type Settings, type Source } from "../../src/config/settings.ts";
import { CONFIG, CWD, type Row, refusal, resolved } from "./inputs.ts";

type Pick = (settings: Settings) => Setting<unknown>;

const enabled: Pick = (s) => s.redis.enabled;
const port: Pick = (s) => s.redis.port;
const host: Pick = (s) => s.redis.host;
const password: Pick = (s) => s.redis.password;
const timeout: Pick = (s) => s.redis.timeout;
const store: Pick = (s) => s.store.path;
const logs: Pick = (s) => s.paths.logs;
const retention: Pick = (s) => s.cleanup.retention;
const timezone: Pick = (s) => s.service.timezone;

test("without anything: the defaults, and paths in the working folder", () => {
  const settings = resolved({});
  const sections = settings as unknown as Record<string, Record<string, Setting<unknown>>>;
  for (const name of SETTING_NAMES) {
    const { section, key } = placeOf(name);
    const { kind, default: fallback } = rowOf(name);
    const value = kind === PATH && fallback ? join(CWD, `${fallback}`) : fallback;
    expect([name, sections[section]![key]]).toEqual([name, { value, source: "default", origin: "default" }]);
  }
  expect(settings.redis.socket.value).toBe(null);
  expect(settings).toMatchObject({ configPath: null, warnings: [], changeWarnings: [] });
});

const file = "[redis]\nport = 1\nenabled = no\n[cleanup]\nretention = 1d\n[store]\npath = f.json\n";
const [PORT, ENABLED] = [`${CONFIG} [redis] port`, `${CONFIG} [redis] enabled`];
test.each<[string, Row, Pick, unknown, Source, origin: string]>([
  ["file", { file }, port, 1, "file", PORT],
  ["env", { file, env: { REDIS_PORT: "2" } }, port, 2, "env", "REDIS_PORT"],
  ["empty variable", { file, env: { REDIS_PORT: "" } }, port, 1, "file", PORT],
  ["not in the file", { file }, host, "127.0.0.1", "default", "default"],
  ["retention: off", { flags: { retention: "-1" } }, retention, -1, "flag", "--retention"],
  ["enabled: file", { file }, enabled, false, "file", ENABLED],
  ["enabled: flag", { env: { REDIS_ENABLED: "on" }, flags: { redis: false } }, enabled, false, "flag", "--no-redis"],
  ["enabled: no flag", { file, flags: { redis: true } }, enabled, false, "file", ENABLED],
  ["below it, a wrong value", { file: "[redis]\nport = x", env: { REDIS_PORT: "2" } }, port, 2, "env", "REDIS_PORT"],
  ["url", { env: { REDIS_PORT: "tcp://h" }, flags: { redisUrl: "redis://h:7" } }, port, 7, "flag", "--redis-url"],
])("flag over environment over file over default, per setting: %s", (_, row, pick, value, source, origin) => {
  expect(pick(resolved(row))).toEqual({ value, source, origin });
});

test.each<[string, Row, Pick, string]>([
  ["default store beside config.ini", { file: "" }, store, "/etc/tts/voice_task.json"],
  ["default Logs beside config.ini", { file: "" }, logs, "/etc/tts/Logs"],
  ["file", { file: "[store]\npath = ../data/t.json" }, store, "/etc/data/t.json"],
  ["variable", { file: "", env: { TTSCTL_STORE: "t.json" } }, store, `${CWD}/t.json`],
  ["variable", { file: "", env: { TTSCTL_LOGS: "/l" } }, logs, "/l"],
  ["flag", { file: "[store]\npath = x", env: { TTSCTL_STORE: "y" }, flags: { store: "./z" } }, store, `${CWD}/z`],
])("paths are absolute: those of the file relative to it, others to the working folder: %s", (_, row, pick, path) => {
  expect(pick(resolved(row)).value).toBe(path);
});

test.each<[string, Row, Pick, unknown]>([
  ["a password with ; and #", { file: "[redis]\npassword = a#b;c" }, password, "a#b;c"],
  ["a doubled percent sign", { file: "[redis]\npassword = 50%%" }, password, "50%"],
  ["an empty password is unset", { file: "[redis]\npassword =" }, password, null],
  ["from DEFAULT", { file: "[DEFAULT]\nport = 7\n[redis]\n" }, port, 7],
  ["int('6_379')", { file: "[redis]\nport = 6_379" }, port, 6379],
  ["spaces of a variable", { env: { REDIS_PORT: " 6380\r" } }, port, 6380],
  ["spaces of a password stay", { env: { REDIS_PASSWORD: " p " } }, password, " p "],
  ["an IPv6 host", { env: { REDIS_HOST: "fe80::1%eth0" } }, host, "fe80::1%eth0"],
  ["a timeout in seconds", { file: "[redis]\ntimeout = 0.5" }, timeout, 0.5],
  ["a zone", { file: "[service]\ntimezone = Asia/Shanghai" }, timezone, "Asia/Shanghai"],
  ...["1", "yes", "TRUE", "On", "0", "no", "FALSE", "Off"].map((word, i): [string, Row, Pick, unknown] => {
    return [word, { file: `[redis]\nenabled = ${word}` }, enabled, i < 4];
  }),
])("values are read as the service reads them: %s", (_, row, pick, value) => {
  expect(pick(resolved(row)).value).toBe(value);
});

const inFile = (section: string, option: string, value: string): [string, Row, string, string] => [
  `[${section}] ${option} = ${value}`,
  { file: `[${section}]\n${option} = ${value}\n` },
  `${CONFIG} [${section}] ${option}`,
  JSON.stringify(value),
];
const inEnv = (name: string, value: string): [string, Row, string, string] => [
  `${name}=${value}`,
  { env: { [name]: value } },
  name,
  JSON.stringify(value),
];
test.each<[string, Row, string, string]>([
  ...["abc", "", "0", "65536", "-1", "1.5", "0x10", "1__0"].map((value) => inFile("redis", "port", value)),
  ...["tcp://10.0.0.1:6379", "redis", " ", "6379;"].map((value) => inEnv("REDIS_PORT", value)),
  ...["-1", "x", "1.5", "", "99999999999999999999"].map((value) => inFile("redis", "db", value)),
  ...["", "a b", "h:6379", "redis://h", "h/x", "[::1]"].map((value) => inFile("redis", "host", value)),
  ...["", "maybe", "2", "y"].map((value) => inFile("redis", "enabled", value)),
  ...["0", "-1", "", "soon", "61m", "2h", "1h30m"].map((value) => inFile("redis", "timeout", value)),
  ...["soon", "", "1h30m", "7 days ago", "1001y", "1e3"].map((value) => inFile("cleanup", "retention", value)),
  ...["soon", "", "1001y"].map((value) => inFile("cleanup", "retention.done", value)),
  ...["-1", "1.5", "many", ""].map((value) => inFile("cleanup", "keep_last", value)),
  ...["-1", "20G", "much", "", "1e9"].map((value) => inFile("cleanup", "max_bytes", value)),
  ["--keep-last x", { flags: { keepLast: "x" } }, "--keep-last", '"x"'],
  ...["+08:00", "UTC+8", "", "Mars/Olympus", "08:00", "Z", "localtime"].map((value) =>
    inFile("service", "timezone", value),
  ),
  inEnv("REDIS_ENABLED", "maybe"),
  inEnv("TASK_RETENTION_SECONDS", "soon"),
  inEnv("TTSCTL_TIMEZONE", "+08:00"),
  inEnv("TTSCTL_STORE", " "),
  ["--retention ''", { flags: { retention: "" } }, "--retention", '""'],
  ["--redis-url ''", { flags: { redisUrl: "" } }, "--redis-url", '""'],
  ["--redis-url", { flags: { redisUrl: "rediss:h" } }, "--redis-url", '"rediss:h"'.replace(":h", ":***")],
])("a wrong value is one line naming its source, the value and what is accepted: %s", (_, row, origin, value) => {
  const error = refusal(row);
  expect(error.code).toBe("CONFIG_INVALID");
  expect(error.message.startsWith(`${origin}: ${value} is invalid; accepted: `)).toBe(true);
  expect(error.message).not.toMatch(/[\n\r\u2028]/);
});

test.each([
  ["[cleanup]\nretension = 30d\n", ["[cleanup] retension has no effect; did you mean [cleanup] retention?"]],
  ["[clean-up]\nretention = 30d\n", ["[clean-up] has no effect; did you mean [cleanup]?"]],
  ["[audio]\nrate = 44100\n[redis]\npool_size = 9\n", []], // the service's own
])("what changes tasks warns of names without effect in %j", (file, lines) => {
  expect(resolved({ file }).changeWarnings).toEqual(lines.map((line) => `${CONFIG}: ${line}`));
});

describe("the policy for finished tasks", () => {
  const file = "[cleanup]\nretention = 7d\nretention.done = 1d\nRetention.Error: 0\nkeep_last = 3\nmax_bytes = 10GiB\n";
  const values = (row: Row) => {
    const { retention, retentionDone, retentionError, keepLast, maxBytes } = resolved(row).cleanup;
    return [retention, retentionDone, retentionError, keepLast, maxBytes].map(({ value }) => value);
  };
  const most = 10 * 1024 ** 3;
  test.each<[string, Row, unknown[]]>([
    ["the file", { file }, [604_800, 86_400, 0, 3, most]],
    [
      "the variable is about retention alone",
      { file, env: { TASK_RETENTION_SECONDS: "60" } },
      [60, 86_400, 0, 3, most],
    ],
    ["the flag is the whole policy for age", { file, flags: { retention: "2h" } }, [7200, 7200, 7200, 3, most]],
    ["other flags have their own", { file, flags: { keepLast: "0", maxBytes: "5kB" } }, [604_800, 86_400, 0, 0, 5000]],
  ])("%s", (_, row, expected) => {
    expect(values(row)).toEqual(expected);
  });

  test("a short one causes one warning for each source", () => {
    expect(resolved({ flags: { retention: "7" } }).warnings).toHaveLength(1);
    const { warnings } = resolved({ file: "[cleanup]\nretention.done = 7\nretention.error = 7\n" });
    expect(warnings.map((line) => /retention\.\w+/.exec(line)![0])).toEqual(["retention.done", "retention.error"]);
  });
});
