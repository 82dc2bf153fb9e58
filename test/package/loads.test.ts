import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { build, type Format } from "esbuild";
import { describe, expect, it } from "vitest";
import { type Project, useProject } from "./project.ts";

const project = useProject();

/** Writes a task, reads it, and exits; a wrong record and a lost directory are errors of the one class. */
const BODY = `
  const check = async () => {
    const store = await openTaskStore({ store: "LABEL.jsonl", redis: { port: 1, timeout: "200ms" } });
    await store.upsert({ user_id: "a", task_id: "t", updated_at: 1, text: "音" });
    const task = await store.get("a", "t");
    const wrong = await store.upsert({ user_id: "a" }).catch((error) => error);
    await store.close();
    return [task.record.text, wrong instanceof TtsctlError, wrong.code, isRedisError(wrong)].join(" ");
  };
  check().then(console.log);`;
const RIGHT = { status: 0, stdout: "音 true TASK_INVALID false\n", stderr: "" };
const IMPORT = 'import { isRedisError, openTaskStore, TtsctlError } from "ttsctl";';
const REQUIRE = 'const { isRedisError, openTaskStore, TtsctlError } = require("ttsctl");';
const program = (head: string, label: string) => `${head}${BODY.replace("LABEL", label)}`;

/** A program in one file, as esbuild makes it of a source. */
async function bundle(source: string, format: Format, name: string, more = {}): Promise<string> {
  const outfile = join(project.path, name);
  await build({
    ...{ entryPoints: [source], outfile, format, bundle: true, platform: "node", logLevel: "error" },
    ...{ absWorkingDir: project.path, ...more },
  });
  return outfile;
}

describe("the installed package", () => {
  it("installs without a warning or a script", () => {
    expect(project.said).not.toMatch(/warn|script/i);
    const { scripts } = JSON.parse(readFileSync(join(project.path, "node_modules/ttsctl/package.json"), "utf8"));
    for (const name of ["prepare", "preinstall", "install", "postinstall"]) expect(scripts).not.toHaveProperty(name);
  });

  it("loads with import and with require", () => {
    const esm = project.write("esm.mjs", program(IMPORT, "esm"));
    const cjs = project.write("cjs.cjs", program(REQUIRE, "cjs"));
    expect(project.run(process.execPath, esm)).toMatchObject(RIGHT);
    expect(project.run(process.execPath, cjs)).toMatchObject(RIGHT);
  });

  it.each<[Format, string, string]>([
    ["esm", "import.mjs", IMPORT],
    ["cjs", "import.cjs", IMPORT],
    ["cjs", "require.cjs", REQUIRE],
  ])("runs in a bundle of esbuild: %s, %s", async (format, name, head) => {
    const source = project.write(`source-${name}`, program(head, name));
    const bundled = await bundle(source, format, `bundled-${name}`);
    expect(project.run(process.execPath, bundled)).toMatchObject(RIGHT);
  });

  it("costs little for a program that only imports the error class", async () => {
    const source = project.write("error.mjs", 'import { TtsctlError } from "ttsctl"; console.log(TtsctlError.name);');
    const bundled = await bundle(source, "esm", "bundled-error.mjs", { minify: true });
    expect(statSync(bundled).size).toBeLessThan(5000);
    expect(project.run(process.execPath, bundled)).toMatchObject({ status: 0 });
  });

  it.each(["mjs", "cjs"])("shows an uncaught error on some lines (%s)", (suffix) => {
    const head = suffix === "mjs" ? IMPORT : REQUIRE;
    const path = project.write(`thrown.${suffix}`, `${head}\nopenTaskStore({ store: "x", colour: "red" });`);
    const { status, stderr } = project.run(process.execPath, path);
    expect(status).toBe(1);
    expect(stderr).toContain('unknown option "colour"');
    expect(stderr.length).toBeLessThan(3000);
  });

  it("prints nothing, whatever fails, installs no signal handler and does not keep the process alive", () => {
    const script = `${IMPORT}
      const before = process.eventNames().map(String).sort().join();
      const store = await openTaskStore({ store: "gone/voice_task.json", redis: { port: 1, timeout: "200ms" } });
      await store.upsert({ user_id: "a", task_id: "t", updated_at: 1 }).catch((error) => (globalThis.failure = error));
      await store.listPage();
      await store.close();
      if (process.eventNames().map(String).sort().join() !== before) process.exitCode = 3;
      if (failure.code !== "LOCK_UNAVAILABLE") process.exitCode = 4;`;
    const ended = project.run(process.execPath, "--input-type=module", "-e", script);
    expect(ended).toMatchObject({ status: 0, stdout: "", stderr: "" });
  });
});

it("Bun runs both kinds", (context) => {
  const bun = installedBun(project);
  if (bun === null) return context.skip("npm can't install bun here");
  const esm = project.write("bun.mjs", program(IMPORT, "bun-esm"));
  const cjs = project.write("bun.cjs", program(REQUIRE, "bun-cjs"));
  expect(project.run(bun, esm)).toMatchObject(RIGHT);
  expect(project.run(bun, cjs)).toMatchObject(RIGHT);
});

/** Null without a registry. */
function installedBun({ path, run }: Project): string | null {
  const bun = join(path, "node_modules/bun/bin/bun.exe");
  run.call(project, "npm", "install", "--no-save", "--no-audit", "--no-fund", "bun");
  if (existsSync(join(path, "node_modules/bun/install.js")))
    run.call(project, process.execPath, "node_modules/bun/install.js");
  return existsSync(bun) && run.call(project, bun, "--version").status === 0 ? bun : null;
}
