import { nearest } from "../task/nearest.ts";
import type { IniFile } from "./ini-file.ts";
import { placeOf, SETTING_NAMES } from "./settings.ts";

/** The sections that ttsctl reads, each with its options. */
const OURS = groupBySection();

/** Names of a file that are not ours: those that look like one of ours, and the sections of others. */
export interface ForeignNames {
  /** `hasOurs`: false for a section with none of our options, which may well be the service's, such as `[audio]`. */
  readonly misspelt: { readonly found: string; readonly near: string; readonly hasOurs: boolean }[];
  readonly sections: string[];
}

/** For a command that changes things: one line for each name that looks like one of ours and has no effect. */
export function misspeltWarnings(file: IniFile, path: string): string[] {
  const sure = foreignNames(file).misspelt.filter(({ hasOurs }) => hasOurs);
  return sure.map(({ found, near }) => `${path}: ${found} has no effect; did you mean ${near}?`);
}

/**
 * Looks at the names in a file. What is not ours belongs to the service and is passed over, as SPEC section 7 asks; but
 * `[cleanup] retension` is a setting that its owner believes to be in force. The case of a section counts, as for Python.
 */
export function foreignNames(file: IniFile): ForeignNames {
  const foreign = file.sections().filter((section) => !OURS.has(section));
  const nearSections = foreign.flatMap((section) => {
    const [near] = nearest(section, OURS.keys());
    if (near === undefined) return [];
    const hasOurs = file.options(section).some((option) => OURS.get(near)!.includes(option));
    return [{ found: `[${section}]`, near: `[${near}]`, hasOurs }];
  });
  const nearOptions = [...OURS].flatMap(([section, ours]) =>
    file.options(section).flatMap((option) => {
      const [near] = ours.includes(option) ? [] : nearest(option, ours);
      return near === undefined
        ? []
        : [{ found: `[${section}] ${option}`, near: `[${section}] ${near}`, hasOurs: true }];
    }),
  );
  return { misspelt: [...nearSections, ...nearOptions], sections: foreign };
}

function groupBySection(): Map<string, string[]> {
  const sections = new Map<string, string[]>();
  for (const { section, option } of SETTING_NAMES.map(placeOf)) {
    sections.set(section, [...(sections.get(section) ?? []), option]);
  }
  return sections;
}
