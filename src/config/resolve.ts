import { formatDuration } from "../task/duration.ts";
import { nearest } from "../task/nearest.ts";
import type { IniFile } from "./ini-file.ts";
import { chosen, type SettingInputs } from "./levels.ts";
import { findAddress, resolveAddress } from "./redis.ts";
import { checkRedis } from "./redis-checks.ts";
import { type CleanupSettings, CONFIG_FILE, placeOf, SETTING_NAMES, type Setting, type Settings } from "./settings.ts";

/** Seconds; a retention below it is more likely a forgotten unit. */
const SHORT_RETENTION = 60;

/**
 * The settings in force: flag over environment over file over default, each by itself (SPEC section 7). Does no IO. A wrong value that is in force
 * is a CONFIG_INVALID naming its source, the value (no password) and what is accepted; one that is overridden is not looked at.
 */
export function resolveSettings(inputs: SettingInputs): Settings {
  const address = findAddress(inputs);
  const ofAddress = resolveAddress(address);
  const sections: Record<string, Record<string, Setting<unknown>>> = {};
  for (const name of SETTING_NAMES) {
    const { section, key } = placeOf(name);
    sections[section] ??= {};
    sections[section][key] = ofAddress.get(name) ?? chosen(name, inputs);
  }
  sections.redis!.socket = ofAddress.get("redis.socket")!;
  const { configPath, file } = inputs;
  const changeWarnings = file === null ? [] : misspeltWarnings(file, configPath ?? CONFIG_FILE);
  const settings = { ...sections, configPath, warnings: [], changeWarnings } as unknown as Settings;
  const ignored = (address.url?.url.ignored ?? []).map(
    (parameter) => `${address.url!.given.origin}: ttsctl does not use the parameter ${parameter}`,
  );
  settings.warnings = [...shortRetentions(settings.cleanup), ...ignored, ...checkRedis(settings.redis, address)];
  return settings;
}

/** One line for each place that gives a short one: a flag gives them all. */
function shortRetentions({ retention, retentionDone, retentionError }: CleanupSettings): string[] {
  const short = [retention, retentionDone, retentionError].flatMap(({ value, origin }) => {
    if (value === null || value <= 0 || value >= SHORT_RETENTION) return [];
    return [
      `${origin}: a retention of ${formatDuration(value)} is under a minute (a bare number is seconds: 7 is seven seconds, 7d seven days)`,
    ];
  });
  return [...new Set(short)];
}

/** The sections that ttsctl reads, each with its options. */
const OURS = groupBySection();

/** Names of a file that are not ours: those that look like one of ours, and the sections of others. */
export interface ForeignNames {
  /** `hasOurs`: false for a section with none of our options, which may well be the service's, such as `[audio]`. */
  readonly misspelt: { readonly found: string; readonly near: string; readonly hasOurs: boolean }[];
  readonly sections: string[];
}

/** For a command that changes things: one line for each name that looks like one of ours and has no effect. */
function misspeltWarnings(file: IniFile, path: string): string[] {
  const sure = foreignNames(file).misspelt.filter(({ hasOurs }) => hasOurs);
  return sure.map(({ found, near }) => `${path}: ${found} has no effect; did you mean ${near}?`);
}

/**
 * Looks at the names in a file. What is not ours belongs to the service and is passed over, as SPEC section 7 asks; but
 * `[cleanup] retension` looks like a setting in force. The case of a section counts, as for Python.
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
