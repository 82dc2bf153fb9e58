/** A sample of the Prometheus text format: a name, its labels, a number. */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const NAME = "[a-zA-Z_:][a-zA-Z0-9_:]*";
const LABEL = `[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\\\\n]|\\\\["\\\\n])*"`;
const SAMPLE = new RegExp(
  `^(${NAME})(?:\\{((?:${LABEL}(?:,${LABEL})*)?)\\})? ([+-]?Inf|NaN|-?[0-9.]+(?:e[+-]?\\d+)?)$`,
);

/**
 * Parses the text format strictly: each family has one HELP and one TYPE before its samples, which are adjacent; names
 * and labels are well formed; no sample is there twice; a counter ends in `_total`, and nothing else does.
 * @throws Error that names the line
 */
export function parseMetrics(text: string): Sample[] {
  if (!text.endsWith("\n")) throw new Error("no newline at the end");
  const samples = new Map<string, Sample>();
  const families = new Map<string, string>();
  let help = "";
  let family = "";
  for (const line of text.split("\n")) {
    const wrong = (what: string) => new Error(`${what}: ${line}`);
    if (line === "") continue;
    const comment = new RegExp(`^# (HELP|TYPE) (${NAME}) (.+)$`).exec(line);
    if (comment?.[1] === "HELP") help = comment[2]!;
    else if (comment !== null) {
      [, , family = ""] = comment;
      if (help !== family) throw wrong("TYPE without its HELP before");
      if (families.has(family)) throw wrong("a family twice");
      if ((comment[3] === "counter") !== family.endsWith("_total")) throw wrong("a counter's name ends in _total");
      families.set(family, comment[3]!);
    } else {
      const [, name, labels = "", value] = SAMPLE.exec(line) ?? [];
      if (name === undefined) throw wrong("neither a comment nor a sample");
      if (name !== family) throw wrong(`among the samples of ${family}`);
      const key = `${name}{${labels}}`;
      if (samples.has(key)) throw wrong("a sample twice");
      samples.set(key, { name, labels: parseLabels(labels), value: Number(value!.replace("Inf", "Infinity")) });
    }
  }
  return [...samples.values()];
}

function parseLabels(text: string): Record<string, string> {
  const found = [...text.matchAll(/([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"/g)];
  const plain = (value: string) => value.replace(/\\(.)/g, (_, char) => (char === "n" ? "\n" : char));
  const labels = Object.fromEntries(found.map(([, name, value]) => [name, plain(value!)]));
  if (Object.keys(labels).length !== found.length) throw new Error(`a label twice: ${text}`);
  return labels;
}
