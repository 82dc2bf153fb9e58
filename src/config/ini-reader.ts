import { TtsctlError } from "../errors.ts";
import { indentation, rstrip, strip } from "../task/python-space.ts";
import { fileLines } from "./python-text.ts";
import { quoted } from "./quoted.ts";

/** The section whose options every other section inherits. */
export const DEFAULT_SECTION = "DEFAULT";

/** Raw values (not interpolated) by section and by lower-case option name; the DEFAULT section is always there. */
export type RawSections = ReadonlyMap<string, ReadonlyMap<string, string>>;

/**
 * The lines of a file taken apart as `configparser.RawConfigParser._read` does in Python 3.11 with the defaults of
 * `ConfigParser()`. A line that Python refuses is a CONFIG_INVALID naming file and line; the line itself is never in
 * the message, as it may hold a password.
 */
export function readSections(text: string, path: string): RawSections {
  const reader = new IniReader(path);
  for (const line of fileLines(text)) reader.read(line);
  return reader.sections();
}

class IniReader {
  readonly #path: string;
  readonly #sections = new Map<string, Map<string, string[]>>([[DEFAULT_SECTION, new Map()]]);
  #lineNumber = 0;
  #sectionName = "";
  #section: Map<string, string[]> | undefined;
  /** The pieces of the value that an indented line would continue. */
  #value: string[] | undefined;
  #indent = 0;

  constructor(path: string) {
    this.#path = path;
  }

  read(line: string): void {
    this.#lineNumber++;
    const content = strip(line);
    if (content.startsWith("#") || content.startsWith(";")) return;
    const indent = indentation(line);
    // An empty line belongs to the value above it, and leaves the indentation that continues it as it was.
    if (content === "" || (this.#value !== undefined && indent > this.#indent)) {
      this.#value?.push(content);
      return;
    }
    this.#indent = indent;
    this.#readStart(content);
  }

  sections(): RawSections {
    const joined = ([name, pieces]: [string, string[]]) => [name, rstrip(pieces.join("\n"))] as const;
    return new Map([...this.#sections].map(([name, options]) => [name, new Map([...options].map(joined))]));
  }

  #readStart(content: string): void {
    const end = content.lastIndexOf("]");
    // What follows the last bracket is ignored, and `[]` is no header, as in Python's `\[(?P<header>.+)\]`.
    if (content.startsWith("[") && end > 1) this.#startSection(content.slice(1, end));
    else this.#startOption(content);
  }

  #startSection(name: string): void {
    const known = this.#sections.get(name);
    if (known !== undefined && name !== DEFAULT_SECTION) this.#refuse(`the section [${shown(name)}] is there twice`);
    this.#section = known ?? new Map();
    this.#sections.set(name, this.#section);
    this.#sectionName = name;
    this.#value = undefined;
  }

  #startOption(content: string): void {
    if (this.#section === undefined) this.#refuseStart(content);
    const delimiter = content.search(/[=:]/);
    if (delimiter === -1) this.#refuse("neither a [section] nor an option with = or :");
    if (delimiter === 0) this.#refuse("an option without a name");
    const name = rstrip(content.slice(0, delimiter)).toLowerCase();
    if (this.#section.has(name)) this.#refuse(`${shown(name)} is there twice in [${shown(this.#sectionName)}]`);
    this.#value = [strip(content.slice(delimiter + 1))];
    this.#section.set(name, this.#value);
  }

  #refuseStart(content: string): never {
    if (content.startsWith("\ufeff")) this.#refuse("a byte-order mark", "Save the file as UTF-8 without one.");
    this.#refuse("text before the first [section]");
  }

  #refuse(
    problem: string,
    hint = "Python's configparser, with which the service reads it, refuses the file too.",
  ): never {
    throw new TtsctlError("CONFIG_INVALID", `${this.#path}, line ${this.#lineNumber}: ${problem}`, { hint });
  }
}

/** A name of the file in a message: quoted only where it would be unclear or break the line. */
function shown(name: string): string {
  return /^[\w.-]+$/.test(name) ? name : quoted(name);
}
