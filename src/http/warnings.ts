/** A header of more than some kB is refused by clients and proxies. */
const MOST_CHARACTERS = 4000;

/** What the command line would say on stderr. */
export const WARNINGS_HEADER = "ttsctl-warnings";

/**
 * Lines of any text as the value of a header: a JSON array in ASCII. Where it would be too long, lines are left out, and
 * the last one is cut.
 */
export function warningsValue(lines: readonly string[]): string {
  const kept: string[] = [];
  for (const line of lines) {
    const value = asciiJson([...kept, line]);
    if (value.length > MOST_CHARACTERS) return asciiJson([...kept, shortened(line)]);
    kept.push(line);
  }
  return asciiJson(kept);
}

function shortened(line: string): string {
  const cut = line.slice(0, 300).toWellFormed();
  return cut === line ? "there are more warnings" : `${cut}...`;
}

/** JSON escapes control characters; what is beyond ASCII is escaped here. */
function asciiJson(value: unknown): string {
  return JSON.stringify(value).replace(/[\x7f-\uffff]/g, (char) => {
    return `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}
