import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { bench } from "./bench.ts";
import { compareRows, withRevision } from "./compare.ts";
import { machine } from "./machine.ts";
import { writeDocs } from "./report/docs.ts";
import { jsonReport } from "./report/json.ts";
import { resultLine, textReport } from "./report/text.ts";
import type { Result } from "./result.ts";
import { largeText, measureLarge } from "./scaling/large.ts";
import { measureScaling, scalingText, writeScaling } from "./scaling/scaling.ts";
import type { Place } from "./site.ts";

const HELP = `npm run bench -- [--tasks N,...] [--runs N] [--only ROW,...] [--minutes N] [--json FILE] [--docs] [--compare REV]
  --tasks    how many tasks the stores have (100000)
  --runs     how often each row is run (3)
  --only     the rows wanted
  --minutes  how long the library is put under load (a sixth)
  --json     where the results go as JSON too
  --scaling  measure what docs/scaling.md reckons with, and nothing else
  --large    run the commands that go through all tasks, and nothing else; with 10,000,000 tasks 10 GB of memory, 20 of disk
  --compare  run this code and another revision in turn, and compare their CPU times
  --docs     write the rows into docs/performance.md, .json and .svg; with --scaling docs/scaling.md and .json`;

/** How long the library is put under load, unless --minutes says otherwise. */
const LOAD_SECONDS = 10;

const { values } = parseArgs({
  options: {
    tasks: { type: "string", default: "100000" },
    runs: { type: "string", default: "3" },
    only: { type: "string", default: "" },
    minutes: { type: "string" },
    json: { type: "string" },
    scaling: { type: "boolean", default: false },
    large: { type: "boolean", default: false },
    docs: { type: "boolean", default: false },
    compare: { type: "string" },
    help: { type: "boolean", default: false },
  },
});

const project = process.cwd();
if (values.help) console.log(HELP);
else await main();

async function main(): Promise<void> {
  const scratch = mkdtempSync(join(tmpdir(), "ttsctl-bench-"));
  process.env.TMPDIR = scratch; // what the helpers make goes there too, and away with it
  process.once("exit", () => rmSync(scratch, { recursive: true, force: true }));
  // An exit, or what the bench made and started would stay.
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130));
  const loadSeconds = values.minutes === undefined ? LOAD_SECONDS : Number(values.minutes) * 60;
  const place = { project, scratch, binary: join(project, "bin/ttsctl"), loadSeconds };
  if (values.scaling) return scaling(place);
  if (values.large) return large(place);
  const options = { tasks: numbers(values.tasks), runs: Number(values.runs), only: words(values.only) };
  const show = (result: Result) => void process.stderr.write(`${resultLine(result)}\n`);
  const { compare: revision } = values;
  const results =
    revision === undefined
      ? await bench(place, options, show)
      : await withRevision(place, revision, (binary) =>
          bench(place, { ...options, rows: compareRows(revision, binary) }, show),
        );
  const report = { ...machine(project), runs: options.runs, results };
  console.log(textReport(report));
  if (values.json !== undefined) writeFileSync(values.json, jsonReport(report));
  if (values.docs) writeDocs(project, report);
  if (results.some(({ failed }) => failed)) process.exitCode = 1;
}

async function scaling(place: Place): Promise<void> {
  const report = await measureScaling(place, numbers(values.tasks)[0]!);
  console.log(scalingText(report));
  if (values.docs) writeScaling(project, report);
}

async function large(place: Place): Promise<void> {
  const tasks = numbers(values.tasks)[0]!;
  const results = await measureLarge(place, tasks, (result) =>
    console.error(largeText([result], tasks).split("\n")[2]),
  );
  console.log(largeText(results, tasks));
}

function words(text: string): Set<string> {
  return new Set(text.split(",").filter((word) => word !== ""));
}

/** @throws Error for an invalid number of tasks */
function numbers(text: string): number[] {
  return text.split(",").map((word) => {
    const number = Number(word);
    if (!Number.isInteger(number) || number < 1000)
      throw new Error(`--tasks: invalid ${word}; expected a whole number of at least 1000`);
    return number;
  });
}
