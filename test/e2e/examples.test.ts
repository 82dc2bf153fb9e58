import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { parseIni } from "../../src/config/ini-file.ts";
import { resolveSettings } from "../../src/config/load.ts";
import { cleanEnv } from "../helpers/clean-env.ts";
import { binary } from "../helpers/ttsctl.ts";

const EXAMPLES = new URL("../../examples", import.meta.url).pathname;
const UNITS = readdirSync(join(EXAMPLES, "systemd"));
const folder = mkdtempSync(join(tmpdir(), "ttsctl-examples-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function has(program: string, ...args: string[]): boolean {
  return spawnSync(program, args).status === 0;
}

function run(program: string, ...args: string[]) {
  return spawnSync(program, args, { encoding: "utf8", env: cleanEnv() });
}

describe.skipIf(!has("systemd-analyze", "--version"))("the systemd units, where systemd-analyze is installed", () => {
  /** With the binary that is there: systemd-analyze looks for it. */
  beforeAll(() => {
    for (const name of UNITS) {
      const text = readFileSync(join(EXAMPLES, "systemd", name), "utf8");
      writeFileSync(join(folder, name), text.replaceAll("/usr/local/bin/ttsctl", binary()));
    }
  });

  it.each(UNITS)("%s is right", (name) => {
    const { status, stdout, stderr } = run("systemd-analyze", "verify", "--recursive-errors=no", join(folder, name));
    expect({ status, said: stdout + stderr }).toEqual({ status: 0, said: "" });
  });

  it.each(UNITS.filter((name) => name.endsWith(".service")))("%s gets no more than it needs", (name) => {
    const { stdout } = run("systemd-analyze", "security", "--offline=true", "--no-pager", join(folder, name));
    const score = Number(/Overall exposure level for \S+: (\S+) OK/.exec(stdout)?.[1]);
    expect(score).toBeLessThan(2);
  });
});

describe("the commands in the examples", () => {
  const lines = ["systemd", "cron"].flatMap((name) =>
    readdirSync(join(EXAMPLES, name)).flatMap((file) => {
      const text = readFileSync(join(EXAMPLES, name, file), "utf8").replace(/^#.*$/gm, "");
      return [...text.matchAll(/\bttsctl ([a-z]+(?: --?[a-z-]+(?: \d+\S*)?)*)/g)].map(
        ([, args]) => `${name}/${file}: ${args}`,
      );
    }),
  );

  it.each([...new Set(lines)])("%s", (line) => {
    const args = line
      .split(": ")[1]!
      .replace(/\\%|%%/g, "%")
      .split(" ");
    const ended = spawnSync(process.execPath, [binary(), ...args], {
      cwd: folder,
      env: cleanEnv({ TTSCTL_CONFIG: "/no" }),
    });
    expect(ended.stderr.toString()).toMatch(/^error: \/no, which TTSCTL_CONFIG names, does not exist/);
  });
});

describe("what has to be adapted", () => {
  const FILES = (readdirSync(EXAMPLES, { recursive: true }) as string[]).filter((name) =>
    /^(systemd|cron|logrotate)\/|^docker\/.*yaml|^kubernetes\/|^ansible\/site/.test(name),
  );
  /** What differs between two machines. */
  const NAMES =
    /\/srv\/tts|\/usr\/local\/bin\/ttsctl|\/var\/log\/ttsctl\/audit\.jsonl|(?:User|IPAddressAllow|OnCalendar)=|redis-server\.service|TTSCTL_TIMEZONE|REDIS_HOST|\buser(?=:)|tts tts|runAsUser|claimName|matchLabels|image(?=: ttsctl:)/g;

  it.each(FILES)("%s names it at its top, and nothing that it hasn't", (name) => {
    const text = readFileSync(join(EXAMPLES, name), "utf8");
    const [head] = /^(#.*\n)+/.exec(text)!;
    const body = text.slice(head.length).replace(/^ *#.*$/gm, "");
    const listed = [...head.matchAll(/^# {3}(\S+(?: \S+)?) {2}/gm)].map(([, what]) => what!);
    const [, adapt] = head.split("# Adapt:\n");
    expect(adapt).toBeDefined();
    const missing = [...body.matchAll(NAMES)].map(([what]) => what).filter((what) => !adapt!.includes(what));
    expect(missing).toEqual([]);
    const unknown = listed.filter((what) => adapt!.includes(what) && !body.includes(what) && !UNITS.includes(what));
    expect(unknown).toEqual([]);
  });
});

it.skipIf(!has("logrotate", "--version"))("the logrotate file is right, where logrotate is installed", () => {
  cpSync(join(EXAMPLES, "logrotate/ttsctl"), join(folder, "rotate"));
  const { stderr } = run("logrotate", "--debug", "--state", join(folder, "state"), join(folder, "rotate"));
  expect(stderr).not.toMatch(/error: (?!.*(unknown|could not find) (user|group))/i);
});

it("the alerts use metrics that there are", () => {
  const rules = parse(readFileSync(join(EXAMPLES, "prometheus/ttsctl.rules.yml"), "utf8"));
  const source = readFileSync(new URL("../../src/render/pass-metrics.ts", import.meta.url), "utf8");
  for (const { expr } of rules.groups[0].rules as { expr: string }[]) {
    const names = [...expr.matchAll(/ttsctl_cleanup_(\w+)/g)].map(([, name]) => name!);
    expect(names.length).toBeGreaterThan(0);
    for (const name of names) expect(source).toContain(`"${name}"`);
  }
});

it("config.ini, the sample, says the defaults", () => {
  const path = new URL("../../config.ini", import.meta.url).pathname;
  const inputs = { flags: {}, env: {}, cwd: "/srv/tts" };
  const sample = resolveSettings({
    ...inputs,
    file: parseIni(readFileSync(path, "utf8"), path),
    configPath: "/srv/tts/config.ini",
  });
  const none = resolveSettings({ ...inputs, file: null, configPath: "/srv/tts/config.ini" });
  const values = (settings: object) =>
    JSON.stringify(settings, (key, value) => (["source", "origin"].includes(key) ? undefined : value));
  expect(values(sample)).toBe(values(none));
});
