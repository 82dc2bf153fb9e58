import { writeFileSync } from "node:fs";
import { afterAll, beforeAll, expect, it } from "vitest";
import { examineConfig } from "../../src/config/examine.ts";
import { loadSettings } from "../../src/config/load.ts";
import { Authority, type Pair } from "../helpers/certificates.ts";
import { useFolder } from "../helpers/files.ts";

const at = useFolder();
let authority: Authority;
let [client, other]: Pair[] = [];
beforeAll(() => {
  authority = new Authority();
  client = authority.sign("client", "DNS:client");
  other = authority.sign("other", "DNS:other");
});
afterAll(() => authority.remove());

async function load(...lines: string[]): Promise<unknown> {
  writeFileSync(at("config.ini"), `[redis]\ntls = on\n${lines.join("\n")}\n`);
  const options = { flags: {}, env: {}, cwd: at() };
  const examined = await examineConfig(options);
  const loaded = await loadSettings(options).catch((error: unknown) => error);
  if (loaded instanceof Error) expect(examined.wrong.get("redis")?.message).toBe(loaded.message);
  else expect(examined.wrong.size).toBe(0);
  return loaded;
}

it.each<[string, () => string[], RegExp]>([
  ["is missing", () => ["tls_ca = gone.pem"], /\[redis\] tls_ca: .*gone\.pem cannot be read: no such file/],
  ["is a folder", () => ["tls_ca = ."], /tls_ca: .* cannot be read/],
  ["is a key", () => [`tls_ca = ${client!.key}`], /tls_ca: .* certificate in PEM/],
  ["has no key in it", () => [`tls_cert = ${client!.cert}`], /tls_cert: .* private key in PEM/],
  [
    "is the key of another",
    () => [`tls_cert = ${client!.cert}`, `tls_key = ${other!.key}`],
    /tls_key is not the key of .*tls_cert/,
  ],
])("one that %s is named", async (_, lines, message) => {
  const error = await load(...lines());
  expect(error).toMatchObject({ code: "CONFIG_INVALID" });
  expect((error as Error).message).toMatch(message);
});
