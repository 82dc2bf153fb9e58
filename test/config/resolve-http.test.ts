import { expect, it } from "vitest";
import { parseIni } from "../../src/config/ini-file.ts";
import { resolveSettings } from "../../src/config/load.ts";
import type { SettingFlags } from "../../src/config/settings.ts";

const TOKEN = "0123456789abcdef";

function resolved(file: string, env: Record<string, string> = {}, flags: SettingFlags = {}) {
  const ini = parseIni(`[http]\n${file}\n`, "/x/config.ini");
  return resolveSettings({ flags, env, file: ini, cwd: "/y" }).http;
}

it("a flag overrides a variable, and a variable the file, per setting", () => {
  const file = `host = 10.0.0.1\nport = 80\nbase_path = /file\ntoken = ${TOKEN}\nallowed_hosts = A.example, b`;
  const env = { TTSCTL_HTTP_PORT: "81", TTSCTL_HTTP_BASE_PATH: "/env/" };
  const { host, port, basePath, token, allowedHosts } = resolved(file, env, { basePath: "/flag" });
  expect([host.source, port.source, basePath.source]).toEqual(["file", "env", "flag"]);
  expect([host.value, port.value, basePath.value, token.value]).toEqual(["10.0.0.1", 81, "/flag", TOKEN]);
  expect(allowedHosts.value).toEqual(["a.example", "b"]);
});

it.each([
  ["port = 0", { port: 0 }],
  ["base_path = /", { basePath: "" }],
  ["base_path =", { basePath: "" }],
  ["token =", { token: null }],
  ["allowed_hosts =", { allowedHosts: [] }],
])("%s", (file, expected) => {
  const { port, basePath, token, allowedHosts } = resolved(file);
  const values = { port: port.value, basePath: basePath.value, token: token.value, allowedHosts: allowedHosts.value };
  expect(values).toMatchObject(expected);
});

it.each([
  ...["port = -1", "port = 65536", "port = http", "host = a:80", "host = http://a"],
  ...["base_path = tts", "base_path = /a/../b", "base_path = //a", "base_path = /a?b", "base_path = /a b"],
  ...["allowed_hosts = a:80", "allowed_hosts = a,,b", "allowed_hosts = http://a"],
])("%s is refused", (file) => {
  expect(() => resolved(file)).toThrow(expect.objectContaining({ code: "CONFIG_INVALID" }));
});

it.each(["short", "with a space in the middle", "ünïcode-is-no-header-text"])("the token %s, unnamed", (token) => {
  expect(() => resolved(`token = ${token}`)).toThrow(expect.objectContaining({ code: "CONFIG_INVALID" }));
  expect(() => resolved(`token = ${token}`)).not.toThrow(token);
});
