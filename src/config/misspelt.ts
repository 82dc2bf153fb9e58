import { nearest } from "../task/nearest.ts";
import { SETTING_NAMES } from "./defaults.ts";
import type { IniFile } from "./ini-file.ts";
import { placeOf } from "./levels.ts";

/** The sections that ttsctl reads, each with its options. */
const OURS = groupBySection();

/** Names of a file that are not ours: those that look like one of ours, and the sections of others. */
export interface ForeignNames {
  readonly misspelt: { readonly found: string; readonly near: string }[];
  readonly sections: string[];
}

/**
 * Looks at the names in a file. What is not ours belongs to the service and is passed over, as SPEC section 7 asks; but
 * `[cleanup] retension` is a setting that its owner believes to be in force. The case of a section counts, as for Python.
 */
export function foreignNames(file: IniFile): ForeignNames {
  const foreign = file.sections().filter((section) => !OURS.has(section));
  const nearSections = foreign.flatMap((section) => {
    const [near] = nearest(section, OURS.keys());
    return near === undefined ? [] : [{ found: `[${section}]`, near: `[${near}]` }];
  });
  const nearOptions = [...OURS].flatMap(([section, ours]) =>
    file.options(section).flatMap((option) => {
      const [near] = ours.includes(option) ? [] : nearest(option, ours);
      return near === undefined ? [] : [{ found: `[${section}] ${option}`, near: `[${section}] ${near}` }];
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
