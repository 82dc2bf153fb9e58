import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import { parseIni } from "../../src/config/ini-file.ts";
import { resolveSettings } from "../../src/config/load.ts";
import { rowOf, SETTING_NAMES } from "../../src/config/settings.ts";
import { cleanEnv } from "../helpers/clean-env.ts";
import { lacks } from "../helpers/lacks.ts";
import { binary } from "../helpers/ttsctl.ts";

const EXAMPLES = new URL("../../examples", import.meta.url).pathname;
const UNITS = readdirSync(join(EXAMPLES, "systemd"));
const folder = mkdtempSync(join(tmpdir(), "ttsctl-examples-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const textOf = (name: string) => readFileSync(join(EXAMPLES, name), "utf8");

function run(program: string, ...args: string[]) {
  return spawnSync(program, args, { encoding: "utf8", env: cleanEnv() });
}

describe.skipIf(lacks("systemd-analyze"))("the systemd units", () => {
  /** With the binary that is there: systemd-analyze looks for it. */
  beforeAll(() => {
    for (const name of UNITS) {
      const text = textOf(`systemd/${name}`);
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

const lines = ["systemd", "cron"].flatMap((name) =>
  readdirSync(join(EXAMPLES, name)).flatMap((file) => {
    const text = textOf(`${name}/${file}`).replace(/^#.*$/gm, "");
    return [...text.matchAll(/\bttsctl ([a-z]+(?: --?[a-z-]+(?: [\d/]\S*)?)*)/g)].map(
      ([, args]) => `${name}/${file}: ${args}`,
    );
  }),
);

it.each([...new Set(lines)])("the commands in the examples are taken: %s", (line) => {
  const [, args] = line.split(": ");
  expect(isTaken(args!.replace(/\\%|%%/g, "%").split(" "))).toBe(true);
});

const FILES = (readdirSync(EXAMPLES, { recursive: true }) as string[]).filter((name) =>
  /^(systemd|cron|logrotate)\/|^docker\/.*yaml|^kubernetes\/|^ansible\/site/.test(name),
);
/** What differs between two machines. */
const NAMES =
  /\/srv\/tts|\/usr\/local\/bin\/ttsctl|\/var\/log\/ttsctl\/audit\.jsonl|(?:User|IPAddressAllow|OnCalendar)=|redis-server\.service|TTSCTL_TIMEZONE|REDIS_HOST|\buser(?=:)|tts tts|runAsUser|claimName|matchLabels|image(?=: ttsctl:)/g;

it.each(FILES)("%s names at its top what has to be adapted, and nothing that it hasn't", (name) => {
  const text = textOf(name);
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

it.skipIf(lacks("logrotate"))("the logrotate file is right", () => {
  const text = textOf("logrotate/ttsctl");
  const [user, group] = [run("id", "-un"), run("id", "-gn")].map(({ stdout }) => stdout.trim());
  writeFileSync(join(folder, "rotate"), text.replace(/^( *(su|create \d+)) tts tts$/gm, `$1 ${user} ${group}`));
  const { stderr } = run("logrotate", "--debug", "--state", join(folder, "state"), join(folder, "rotate"));
  expect(stderr).not.toMatch(/error:/i);
});

it.each([
  ["ttsctl", "render/pass-metrics.ts", /ttsctl_cleanup_(\w+)/g],
  ["ttsctl-serve", "http/metrics.ts", /ttsctl_(\w+)/g],
])("the alerts of the group %s use metrics that there are", (group, file, pattern) => {
  const { groups } = parse(textOf("prometheus/ttsctl.rules.yml"));
  const source = textOf(`../src/${file}`);
  const { rules } = groups.find(({ name }: { name: string }) => name === group);
  for (const { expr } of rules as { expr: string }[]) {
    const names = [...expr.matchAll(pattern)].map(([, name]) => name!);
    expect(names.length).toBeGreaterThan(0);
    for (const name of names) expect(source).toContain(`"${name}"`);
  }
});

it.skipIf(lacks("promtool"))(
  "the alert of a late cleanup is silent between two runs of the timer, and fires when one is missing",
  () => {
    const alert = { eval_time: "130m", alertname: "TtsctlCleanupOverdue" };
    const exp_annotations = { summary: "No cleanup pass of s () for 2h 10m 0s" };
    const firing = { exp_labels: { severity: "warning", store: "s" }, exp_annotations };
    const silent = { ...alert, eval_time: "80m", exp_alerts: [] };
    const test = {
      interval: "1m",
      input_series: [{ series: 'ttsctl_cleanup_last_run_timestamp_seconds{store="s"}', values: "0x150" }],
      alert_rule_test: [silent, { ...alert, exp_alerts: [firing] }],
    };
    const rules = join(EXAMPLES, "prometheus/ttsctl.rules.yml");
    writeFileSync(join(folder, "rules.json"), JSON.stringify({ rule_files: [rules], tests: [test] }));
    const { status, stdout, stderr } = run("promtool", "test", "rules", join(folder, "rules.json"));
    expect({ status, said: stdout + stderr }).toMatchObject({ status: 0 });
  },
);

it("config.ini, the sample, says the defaults", () => {
  const inputs = { flags: {}, env: {}, cwd: "/srv/tts" };
  const [sample, none] = [textOf("../config.ini"), "[redis]"].map((text) =>
    resolveSettings({ ...inputs, file: parseIni(text, "/srv/tts/config.ini") }),
  );
  const values = (settings: object) =>
    JSON.stringify(settings, (key, value) => (["source", "origin"].includes(key) ? undefined : value));
  expect(values(sample!)).toBe(values(none!));
});

/** Whether the program takes these arguments: it then misses the configuration that is named. */
function isTaken(args: readonly string[]): boolean {
  const ended = spawnSync(process.execPath, [binary(), ...args], { env: cleanEnv({ TTSCTL_CONFIG: "/no" }) });
  return /TTSCTL_CONFIG: \/no does not exist/.test(ended.stderr.toString());
}

describe.each(["cleanup-cronjob", "serve-deployment"])("kubernetes/%s.yaml", (name) => {
  const [job, service] = parseAllDocuments(textOf(`kubernetes/${name}.yaml`)).map((each) => {
    expect(each.errors).toEqual([]);
    return each.toJS();
  });
  const { spec: pod, metadata } = job.spec.jobTemplate?.spec.template ?? job.spec.template;
  const [container] = pod.containers;

  it("runs an image with arguments and variables that ttsctl takes", () => {
    expect(container.image).toBe(`ttsctl:${JSON.parse(textOf("../package.json")).version}`);
    expect(isTaken(container.args)).toBe(true);
    expect(isTaken([...container.args, "--frob"])).toBe(false);
    const known = ["TTSCTL_CONFIG", ...SETTING_NAMES.flatMap((setting) => rowOf(setting).env?.[0] ?? [])];
    expect(container.env.filter((each: { name: string }) => !known.includes(each.name))).toEqual([]);
    expect(pod.enableServiceLinks).toBe(false);
  });

  it("mounts the directory of config.ini, on the node of the service, and gets no more than it needs", () => {
    const [mount] = container.volumeMounts;
    const config = container.env.find((each: { name: string }) => each.name === "TTSCTL_CONFIG").value;
    expect(config).toBe(`${mount.mountPath}/config.ini`);
    expect(pod.volumes.map((volume: { name: string }) => volume.name)).toEqual([mount.name]);
    expect(pod.affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution).toHaveLength(1);
    expect(pod.securityContext.runAsNonRoot).toBe(true);
    expect(container.securityContext).toMatchObject({ readOnlyRootFilesystem: true, allowPrivilegeEscalation: false });
  });

  it.runIf(name.startsWith("serve"))("is reached on its port, and by its labels", () => {
    const [port] = container.ports;
    expect(port.containerPort).toBe(rowOf("http.port").default);
    expect(container.args).not.toContain("--port");
    expect(service.spec.ports[0].targetPort).toBe(port.name);
    expect([job.spec.selector.matchLabels, service.spec.selector]).toEqual([metadata.labels, metadata.labels]);
    expect(container.readinessProbe.httpGet).toEqual({ path: "/healthz", port: port.name });
  });
});

describe("the Ansible role", () => {
  const role = (name: string) => textOf(`ansible/roles/ttsctl/${name}`);
  const defaults = parse(role("defaults/main.yaml"));
  const [play] = parse(textOf("ansible/site.yaml"));
  const [{ vars }] = play.roles;

  it("enables units that there are, and adapts what they set", () => {
    for (const unit of [...defaults.ttsctl_units, ...vars.ttsctl_units]) expect(UNITS).toContain(unit);
    const settings = role("templates/local.conf.j2").match(/^\w+=(?:TTSCTL_CONFIG=)?/gm)!;
    expect(settings).toContain("User=");
    const unit = textOf("systemd/ttsctl-watch.service");
    for (const key of settings) expect(unit).toMatch(new RegExp(`^${key}`, "m"));
  });

  it.skipIf(lacks("ansible-playbook"))("passes a syntax check", () => {
    const playbook = join(EXAMPLES, "ansible/site.yaml");
    expect(run("ansible-playbook", "--syntax-check", "-i", "tts,", playbook)).toMatchObject({ status: 0 });
  });
});
