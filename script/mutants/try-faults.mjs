// Puts each fault of faults.txt into a copy of the project, one at a time, and runs the test that must fail.
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

const ROOT = new URL("../..", import.meta.url).pathname;

/** Each entry: what is wrong, the file, lines taken out ("- ") and put in ("+ "), the test that must fail. */
const FAULTS = readFileSync(new URL("faults.txt", import.meta.url), "utf8")
  .trim()
  .split("\n\n")
  .map((entry) => {
    const [what, file, ...lines] = entry.split("\n");
    const those = (sign) => lines.filter((line) => line.startsWith(sign)).map((line) => line.slice(sign.length));
    return {
      what,
      file: file.trim(),
      from: those("- ").join("\n"),
      to: those("+ ").join("\n"),
      test: lines.at(-1).trim(),
    };
  });

/** @param words of the faults to try; none: all. @returns whether each was found by its test */
export function tryFaults(words) {
  const chosen = FAULTS.filter((fault) => words.every((word) => JSON.stringify(fault).includes(word)));
  const copy = copyOfProject();
  const counts = {};
  try {
    for (const fault of chosen) {
      const started = performance.now();
      const [outcome, by = fault.test] = outcomeOf(fault, copy);
      counts[outcome] = (counts[outcome] ?? 0) + 1;
      const seconds = ((performance.now() - started) / 1000).toFixed(1);
      console.log(`${outcome.padEnd(14)} ${seconds.padStart(5)} s  ${fault.file}: ${fault.what}`);
      console.log(`${" ".repeat(24)}${by}`);
    }
  } finally {
    rmSync(copy, { recursive: true });
  }
  console.log(
    Object.entries(counts)
      .map(([outcome, count]) => `${count} ${outcome}`)
      .join(", "),
  );
  return counts.killed === chosen.length;
}

/** The tracked files as they are now; another run of the project isn't disturbed. */
function copyOfProject() {
  const copy = mkdtempSync(join(tmpdir(), "ttsctl-faults-"));
  const { stdout } = spawnSync("git", ["ls-files", "-z", "-c", "-o", "--exclude-standard"], {
    cwd: ROOT,
    encoding: "utf8",
  });
  for (const name of stdout.split("\0")) {
    if (/^(src|test|web|script|bin|docs|examples|[^/]+$)/.test(name))
      cpSync(join(ROOT, name), join(copy, name), { recursive: true });
  }
  symlinkSync(join(ROOT, "node_modules"), join(copy, "node_modules"));
  return copy;
}

/** killed, survived, "out of date" (the code or the test is another by now) or broken (no test could run). */
function outcomeOf({ file, from, to, test }, copy) {
  const path = join(copy, file);
  const code = readFileSync(path, "utf8");
  if (code.split(from).length !== 2) return ["out of date"];
  writeFileSync(
    path,
    code.replace(from, () => to),
  );
  try {
    const [files, name] = test.split(" > ");
    const report = join(dirname(copy), `${copy}.json`);
    const named = name === undefined ? [] : ["-t", name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")];
    rmSync(report, { force: true });
    const run = [
      "vitest",
      "run",
      ...files.split(" "),
      ...named,
      "--bail=1",
      "--reporter=json",
      `--outputFile=${report}`,
    ];
    const env = { TTSCTL_MACHINE_SECONDS: "60", ...process.env };
    const { error } = spawnSync("npx", run, { cwd: copy, env, stdio: "ignore", timeout: LONGEST_MS });
    if (error?.code === "ETIMEDOUT") return ["killed", "it waits for ever"];
    return outcomeIn(report);
  } finally {
    writeFileSync(path, code);
  }
}

/** A fault may make a run wait for ever. */
const LONGEST_MS = 240_000;

function outcomeIn(report) {
  try {
    const { numPassedTests, testResults } = JSON.parse(readFileSync(report, "utf8"));
    const failed = testResults.flatMap(({ name, assertionResults }) =>
      assertionResults
        .filter(({ status }) => status === "failed")
        .map(({ fullName }) => `${name.replace(/^.*?\/test\//, "test/")} > ${fullName}`),
    );
    if (failed.length > 0) return ["killed", failed[0]];
    return [numPassedTests > 0 ? "survived" : "out of date"];
  } catch {
    return ["broken"];
  } finally {
    rmSync(report, { force: true });
  }
}
