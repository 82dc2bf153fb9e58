// Prints which files of src/ a command runs through, and how many functions of each, by V8's coverage of the unbundled sources.
//
//     node script/trace.mjs list --user alice
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const SOURCES = new URL("../src/", import.meta.url).href;

/** Lets Node.js import TypeScript, and Lua as text. */
const HOOKS = `
import { readFile } from "node:fs/promises";
import { transform } from ${JSON.stringify(import.meta.resolve("esbuild"))};
export async function load(url, context, next) {
  if (!url.startsWith(${JSON.stringify(SOURCES)})) return next(url, context);
  const text = await readFile(new URL(url), "utf8");
  const options = { loader: url.endsWith(".lua") ? "text" : "ts", target: "node20", define: { TTSCTL_VERSION: '"0"' } };
  return { format: "module", shortCircuit: true, source: (await transform(text, { ...options, format: "esm" })).code };
}`;
const MAIN = `
import { register } from "node:module";
import { takeCoverage } from "node:v8";
register("data:text/javascript,${encodeURIComponent(HOOKS)}");
const { run } = await import(${JSON.stringify(`${SOURCES}main.ts`)});
const code = await run();
takeCoverage(); // with koffi loaded, the process ends by _exit(2)
process.exit(code);`;

const folder = mkdtempSync(join(tmpdir(), "ttsctl-trace-"));
try {
  const { status } = spawnSync(
    process.execPath,
    ["--input-type=module", "--eval", MAIN, "ttsctl", ...process.argv.slice(2)],
    { stdio: "inherit", env: { ...process.env, NODE_V8_COVERAGE: folder } },
  );
  const files = readdirSync(folder).flatMap((name) => JSON.parse(readFileSync(join(folder, name), "utf8")).result);
  const rows = files
    .filter(({ url }) => url.startsWith(SOURCES))
    .map(({ url, functions }) => ({ path: url.slice(SOURCES.length), ran: functions.filter(hasRun).length }))
    .filter(({ ran }) => ran > 0)
    .sort((a, b) => (a.path < b.path ? -1 : 1));
  const functions = rows.reduce((sum, { ran }) => sum + ran, 0);
  for (const { path, ran } of rows) console.error(`${String(ran).padStart(4)}  src/${path}`);
  console.error(`${rows.length} files, ${functions} functions; exit code ${status}`);
} finally {
  rmSync(folder, { recursive: true });
}

/** Whether a function that isn't the module itself was called. */
function hasRun({ functionName, ranges }) {
  return functionName !== "" && ranges[0].count > 0;
}
