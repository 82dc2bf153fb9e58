import { TtsctlError } from "../errors.ts";
import { DEFAULT_SECTION, type RawSections, readSections } from "./ini-reader.ts";

/** `configparser.MAX_INTERPOLATION_DEPTH` */
const MAX_DEPTH = 10;

/** A configuration file with the values that Python's `configparser.ConfigParser()` reads from it (SPEC section 7). */
export class IniFile {
  readonly path: string;
  readonly #sections: RawSections;

  constructor(path: string, sections: RawSections) {
    this.path = path;
    this.#sections = sections;
  }

  /** The sections in the order of the file, without DEFAULT. */
  sections(): string[] {
    return [...this.#sections.keys()].filter((name) => name !== DEFAULT_SECTION);
  }

  /** The option names of a section in lower case, with those it inherits from DEFAULT; none if there is no such section. */
  options(section: string): string[] {
    if (!this.#sections.has(section)) return [];
    return [...new Set([section, DEFAULT_SECTION].flatMap((name) => [...(this.#sections.get(name)?.keys() ?? [])]))];
  }

  /** Whether the section exists and has the option, itself or from DEFAULT. */
  has(section: string, option: string): boolean {
    return this.#raw(section, option.toLowerCase()) !== undefined;
  }

  /**
   * The value with its `%(name)s` and `%%` replaced; undefined if there is no such section or option. What Python cannot
   * interpolate is a CONFIG_INVALID naming file, section and option, and only when it is asked for.
   */
  get(section: string, option: string): string | undefined {
    const raw = this.#raw(section, option.toLowerCase());
    if (raw === undefined) return undefined;
    return this.#interpolate(raw, section, (problem) => this.#refuse(section, option, problem));
  }

  /** As Python's `BasicInterpolation.before_get`. No text of the value is in a problem, as it may be a password. */
  #interpolate(raw: string, section: string, refuse: (problem: string) => never, depth = 1): string {
    if (depth > MAX_DEPTH) refuse(`its %(name)s nest more than ${MAX_DEPTH} deep, or in a circle`);
    return raw.replace(/%(?:%|\(([^)]+)\)s)?/g, (token, name: string | undefined) => {
      if (token === "%%") return "%";
      if (name === undefined) return refuse("a % that is neither %% nor %(name)s");
      const value = this.#raw(section, name.toLowerCase());
      if (value === undefined) return refuse("a %(name)s that names no option of the section or of [DEFAULT]");
      return value.includes("%") ? this.#interpolate(value, section, refuse, depth + 1) : value;
    });
  }

  #raw(section: string, option: string): string | undefined {
    const own = this.#sections.get(section);
    return own && (own.get(option) ?? this.#sections.get(DEFAULT_SECTION)?.get(option));
  }

  #refuse(section: string, option: string, problem: string): never {
    const hint = "Write %% for a percent sign, as Python's configparser asks for.";
    throw new TtsctlError("CONFIG_INVALID", `${this.path} [${section}] ${option}: ${problem}`, { hint });
  }
}

/**
 * Reads the text of a configuration file as Python 3.11 does; `path` is for messages. What Python refuses when it parses is a
 * CONFIG_INVALID naming file and line (SPEC section 7).
 */
export function parseIni(text: string, path: string): IniFile {
  return new IniFile(path, readSections(text, path));
}
