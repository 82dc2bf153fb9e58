import { isUtf8 } from "node:buffer";
import { readdirSync, readFileSync, realpathSync } from "node:fs";
import { homedir } from "node:os";
import { isAbsolute, join, resolve } from "node:path";
import { describeSystemError, isMissingPath, TtsctlError, usage } from "../errors.ts";
import { quoted } from "../printable.ts";
import { formatDuration } from "../task/amounts.ts";
import { nearest } from "../task/nearest.ts";
import { type IniFile, parseIni } from "./ini-file.ts";
import { checkRedis, checkTlsFiles, findAddress } from "./redis.ts";
import {
  type CleanupSettings,
  CONFIG_FILE,
  CONFIG_VARIABLE,
  chosen,
  placeOf,
  SETTING_NAMES,
  type Setting,
  type SettingFlags,
  type SettingInputs,
  type Settings,
} from "./settings.ts";

export const PROFILE_VARIABLE = "TTSCTL_PROFILE";

/** With the options of a program, no file is looked up. */
export interface LoadOptions extends Pick<SettingInputs, "options" | "env" | "cwd"> {
  flags: SettingFlags & { readonly config?: string | undefined; readonly profile?: string | undefined };
}

/** Reads config.ini (flags, else variables, else `./config.ini`) and resolves the settings. @throws CONFIG_NOT_FOUND, CONFIG_INVALID */
export async function loadSettings(options: LoadOptions): Promise<Settings> {
  const settings = resolveSettings(await readInputs(options));
  await checkTlsFiles(settings.redis);
  return settings;
}

/** Throws as `loadSettings` does for the file, but not for a value in it. */
export async function readInputs(given: LoadOptions): Promise<SettingInputs> {
  const isLooked = given.options === undefined || given.flags.config !== undefined;
  return { ...given, file: isLooked ? readConfig(configPlace(given), given.env) : null };
}

/** The path of config.ini: flags come before variables. Programs have no profiles. @throws TtsctlError USAGE, CONFIG_INVALID */
export function configPlace({ flags: { config, profile }, options, env, cwd }: LoadOptions) {
  if (config !== undefined && profile !== undefined) {
    throw usage("--profile can't be used with --config", "a profile is a named config.ini");
  }
  const flagName = options === undefined ? "--config" : "openTaskStore config";
  if (config === "") {
    throw new TtsctlError("CONFIG_INVALID", `${flagName}: "" is invalid; accepted: the path of a ${CONFIG_FILE}`);
  }
  if (config !== undefined) return placeAt(resolve(cwd, config), flagName);
  const { [CONFIG_VARIABLE]: variable, [PROFILE_VARIABLE]: ofVariable } = env;
  if (profile === undefined && variable && ofVariable) {
    const both = `${PROFILE_VARIABLE} and ${CONFIG_VARIABLE} are both set`;
    throw new TtsctlError("CONFIG_INVALID", both, { hint: "unset one, or use --profile or --config" });
  }
  const name = profile ?? (ofVariable || undefined);
  const origin = profile === undefined ? PROFILE_VARIABLE : "--profile";
  if (name !== undefined) return { path: profilePath(name, origin, env), origin, profile: name };
  return variable ? placeAt(resolve(cwd, variable), CONFIG_VARIABLE) : placeAt(resolve(cwd, CONFIG_FILE));
}

type ConfigPlace = ReturnType<typeof configPlace>;

/** @param origin what named it; null for the one in the working directory, which may be missing */
export function placeAt(path: string, origin: string | null = null) {
  return { path, origin, profile: null };
}

/** Synchronous: a thread would take a good part of a short command. @throws TtsctlError CONFIG_NOT_FOUND, CONFIG_INVALID */
export function readConfig({ path, origin, profile }: ConfigPlace, env: LoadOptions["env"]): IniFile | null {
  try {
    const bytes = readFileSync(path);
    if (!isUtf8(bytes)) throw new TtsctlError("CONFIG_INVALID", `${path} is not UTF-8 text`);
    return parseIni(bytes.toString(), path); // as Python decodes it: a byte-order mark is kept, and refused
  } catch (cause) {
    if (cause instanceof TtsctlError) throw cause;
    if (!isMissingPath(cause)) {
      throw new TtsctlError("CONFIG_INVALID", `${path} cannot be read: ${describeSystemError(cause)}`, { cause });
    }
    if (origin === null) return null;
    if (profile !== null) throw unknownProfile(profile, env);
    throw new TtsctlError("CONFIG_NOT_FOUND", `${origin}: ${path} does not exist`, { cause });
  }
}

/** A plain name: it is part of a path, and of a command line. */
const NAME = /^[\p{L}\p{N}][\p{L}\p{N}._-]{0,63}$/u;

/** The directory of profiles: each is a config.ini, or a link to one. */
export function profilesFolder({ XDG_CONFIG_HOME = "", HOME }: LoadOptions["env"]): string {
  const home = isAbsolute(XDG_CONFIG_HOME) ? XDG_CONFIG_HOME : join(HOME || homedir(), ".config");
  return join(home, "ttsctl");
}

/** The names of the profiles, sorted; none if the directory can't be read. */
export function profileNames(env: LoadOptions["env"]): string[] {
  try {
    const files = readdirSync(profilesFolder(env)).filter((file) => file.endsWith(".ini"));
    return files.flatMap((file) => NAME.exec(file.slice(0, -".ini".length))?.[0] ?? []).sort();
  } catch {
    return [];
  }
}

/** The file of a profile, which may be missing. A link is followed, so relative paths stay right. @throws TtsctlError CONFIG_INVALID */
export function profilePath(name: string, origin: string, env: LoadOptions["env"]): string {
  if (!NAME.test(name)) {
    const accepted = "at most 64 letters, digits, . _ and -, starting with a letter or digit, such as prod";
    throw new TtsctlError("CONFIG_INVALID", `${origin}: ${quoted(name)} is invalid; accepted: ${accepted}`);
  }
  const path = join(profilesFolder(env), `${name}.ini`);
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

function unknownProfile(name: string, env: LoadOptions["env"]): TtsctlError {
  const known = profileNames(env).filter((other) => other !== name);
  const near = nearest(name, known).join(" or ");
  const others = `${near && `did you mean ${near}? `}known: ${known.join(", ")}`;
  const hint = known.length === 0 ? `create it with \`ttsctl config init --profile ${name}\`` : others;
  return new TtsctlError("CONFIG_NOT_FOUND", `there is no profile ${quoted(name)} in ${profilesFolder(env)}`, { hint });
}

/** Flag over environment over file over default, per setting. What is overridden isn't parsed. @throws TtsctlError CONFIG_INVALID */
export function resolveSettings(inputs: SettingInputs): Settings {
  const address = findAddress(inputs);
  const sections: Record<string, Record<string, Setting<unknown>>> = {};
  for (const name of SETTING_NAMES) {
    const { section, key } = placeOf(name);
    sections[section] ??= {};
    sections[section][key] = address.settings.get(name) ?? chosen(name, inputs);
  }
  sections.redis!.socket = address.settings.get("redis.socket")!;
  const { file } = inputs;
  const sure = foreignNames(file).misspelt.filter(({ hasOurs }) => hasOurs);
  const changeWarnings = sure.map(({ found, near }) => `${file!.path}: ${found} has no effect; did you mean ${near}?`);
  const isEmpty = file?.sections().length === 0; // as a full disk leaves it: no consent to change tasks
  const configPath = isEmpty ? null : (file?.path ?? null);
  const settings = { ...sections, configPath, changeWarnings } as unknown as Settings;
  const { ignored } = address.url?.url ?? { ignored: [] };
  const unused = ignored.map((name) => `${address.url!.given.origin}: ttsctl does not use the parameter ${name}`);
  const empty = isEmpty ? [`${file!.path} is empty: the defaults are in force`] : [];
  settings.warnings = [
    ...empty,
    ...shortRetentions(settings.cleanup),
    ...unused,
    ...checkRedis(settings.redis, address),
  ];
  return settings;
}

const UNITS = "a bare number is seconds: 7 is seven seconds, 7d seven days";

/** A retention under a minute is more likely a forgotten unit. One line for each origin: a flag gives all retentions. */
function shortRetentions({ retention, retentionDone, retentionError }: CleanupSettings): string[] {
  const short = [retention, retentionDone, retentionError].flatMap(({ value, origin }) => {
    if (value === null || value <= 0 || value >= 60) return [];
    return [`${origin}: a retention of ${formatDuration(value)} is under a minute (${UNITS})`];
  });
  return [...new Set(short)];
}

/** The sections that ttsctl reads, each with its options. */
const OURS = new Map<string, string[]>();
for (const { section, option } of SETTING_NAMES.map(placeOf)) OURS.set(section, [...(OURS.get(section) ?? []), option]);

/**
 * Unknown names in a config.ini: likely misspellings, and all sections. Other names belong to the service, but
 * `[cleanup] retension` looks like a setting. Sections are case-sensitive, as in Python.
 */
export function foreignNames(file: IniFile | null) {
  const { sections, options: optionsOf } = file ?? parseIni("", "");
  const foreign = sections().filter((section) => !OURS.has(section));
  const nearSections = foreign.flatMap((section) => {
    const [near] = nearest(section, OURS.keys());
    if (near === undefined) return [];
    // A section with none of our options may well be the service's, such as `[audio]`.
    const hasOurs = optionsOf(section).some((option) => OURS.get(near)!.includes(option));
    return [{ found: `[${section}]`, near: `[${near}]`, hasOurs }];
  });
  const options = [...OURS.keys()].flatMap((section) => optionsOf(section).map((option) => ({ section, option })));
  const nearOptions = options.flatMap(({ section, option }) => {
    const ours = OURS.get(section)!;
    const [near] = ours.includes(option) ? [] : nearest(option, ours);
    if (near === undefined) return [];
    return [{ found: `[${section}] ${option}`, near: `[${section}] ${near}`, hasOurs: true }];
  });
  return { misspelt: [...nearSections, ...nearOptions], sections: foreign };
}
