import { TtsctlError } from "../errors.ts";
import { quoted } from "../printable.ts";
import { indentation, rstrip, strip } from "../task/ids.ts";

/** The section whose options every other section inherits. */
export const DEFAULT_SECTION = "DEFAULT";

/** `configparser.MAX_INTERPOLATION_DEPTH` */
const MAX_DEPTH = 10;

/** A configuration file with the values that Python's `configparser.ConfigParser()` reads from it. */
export type IniFile = ReturnType<typeof iniFile>;

/** @param texts values, not interpolated, by section and by lower-case option name; the DEFAULT section is always there */
function iniFile(path: string, texts: ReadonlyMap<string, ReadonlyMap<string, string>>) {
  const inherited = texts.get(DEFAULT_SECTION)!;

  function rawOf(section: string, option: string): string | undefined {
    const own = texts.get(section);
    return own && (own.get(option.toLowerCase()) ?? inherited.get(option.toLowerCase()));
  }

  /** As Python's `BasicInterpolation.before_get`. No text of the value is in a problem, as it may be a password. */
  function interpolated(raw: string, section: string, refuse: (problem: string) => never, depth = 1): string {
    if (depth > MAX_DEPTH) refuse(`its %(name)s nest more than ${MAX_DEPTH} deep, or in a circle`);
    return raw.replace(/%(?:%|\(([^)]+)\)s)?/g, (token, name: string | undefined) => {
      if (token === "%%") return "%";
      if (name === undefined) return refuse("a % that is neither %% nor %(name)s");
      const value = rawOf(section, name);
      if (value === undefined) return refuse("a %(name)s that names no option of the section or of [DEFAULT]");
      return value.includes("%") ? interpolated(value, section, refuse, depth + 1) : value;
    });
  }

  return {
    path,

    /** The sections in the order of the file, without DEFAULT. */
    sections: () => [...texts.keys()].filter((name) => name !== DEFAULT_SECTION),

    /** The option names of a section in lower case, with those it inherits from DEFAULT; empty for an unknown section. */
    options(section: string): string[] {
      const own = texts.get(section);
      return own === undefined ? [] : [...new Set([...own.keys(), ...inherited.keys()])];
    },

    /** The values that the section itself has, not interpolated. */
    raw: (section: string): ReadonlyMap<string, string> => texts.get(section) ?? new Map(),

    /** The interpolated value; undefined for an unknown section or option. @throws TtsctlError CONFIG_INVALID as Python would */
    get(section: string, option: string): string | undefined {
      const refuse = (problem: string): never => {
        const hint = "Write %% for a percent sign, as Python's configparser requires.";
        throw new TtsctlError("CONFIG_INVALID", `${path} [${section}] ${option}: ${problem}`, { hint });
      };
      const raw = rawOf(section, option);
      return raw === undefined ? undefined : interpolated(raw, section, refuse);
    },
  };
}

/**
 * Reads a configuration file as `configparser.RawConfigParser._read` does in Python 3.11 with the defaults of `ConfigParser()`.
 * What Python refuses is a CONFIG_INVALID that names file and line, but never shows the line, as it may hold a password.
 * @param path for messages
 */
export function parseIni(text: string, path: string): IniFile {
  const sections = new Map<string, Map<string, string[]>>([[DEFAULT_SECTION, new Map()]]);
  let section: { readonly name: string; readonly options: Map<string, string[]> } | undefined;
  /** The pieces of the value that an indented line would continue. */
  let value: string[] | undefined;
  let [lineNumber, lastIndent] = [0, 0];

  function refuse(problem: string, hint = REFUSED_TOO): never {
    throw new TtsctlError("CONFIG_INVALID", `${path}, line ${lineNumber}: ${problem}`, { hint });
  }

  function startSection(name: string): void {
    const known = sections.get(name);
    if (known !== undefined && name !== DEFAULT_SECTION) refuse(`section [${shown(name)}] appears twice`);
    section = { name, options: known ?? new Map() };
    sections.set(name, section.options);
    value = undefined;
  }

  function startOption(content: string): void {
    if (section === undefined && content.startsWith("\ufeff")) {
      refuse("a byte-order mark", "Save the file as UTF-8 without one.");
    }
    if (section === undefined) refuse("text before the first [section]");
    const delimiter = content.search(/[=:]/);
    if (delimiter === -1) refuse("neither a [section] nor an option with = or :");
    if (delimiter === 0) refuse("an option without a name");
    const name = rstrip(content.slice(0, delimiter)).toLowerCase();
    if (section.options.has(name)) refuse(`${shown(name)} appears twice in [${shown(section.name)}]`);
    value = [strip(content.slice(delimiter + 1))];
    section.options.set(name, value);
  }

  // Only these three end a line for Python, which opens the file in text mode.
  for (const line of text.split(/\r\n|\r|\n/)) {
    lineNumber++;
    const content = strip(line);
    if (content.startsWith("#") || content.startsWith(";")) continue;
    const indent = indentation(line);
    // An empty line belongs to the value above it and doesn't end its continuation.
    if (content === "" || (value !== undefined && indent > lastIndent)) {
      value?.push(content);
      continue;
    }
    lastIndent = indent;
    const end = content.lastIndexOf("]");
    // Text after the last bracket is ignored, and `[]` isn't a header, as in Python's `\[(?P<header>.+)\]`.
    if (content.startsWith("[") && end > 1) startSection(content.slice(1, end));
    else startOption(content);
  }
  const texts = (options: ReadonlyMap<string, readonly string[]>) =>
    new Map([...options].map(([name, pieces]) => [name, rstrip(pieces.join("\n"))]));
  return iniFile(path, new Map([...sections].map(([name, options]) => [name, texts(options)])));
}

const REFUSED_TOO = "Python's configparser, which the service uses, rejects this file too.";

/** A name of the file in a message: quoted only where it would be unclear or break the line. */
function shown(name: string): string {
  return /^[\w.-]+$/.test(name) ? name : quoted(name);
}
