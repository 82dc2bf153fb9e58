import { dirname, resolve } from "node:path";
import { TtsctlError } from "../errors.ts";
import { quoted } from "../printable.ts";
import { camelCase } from "../task/query-fields.ts";
import { maskSuspect } from "./address.ts";
import type { IniFile } from "./ini-file.ts";
import { type Kind, PATH, REDIS_URL } from "./kinds.ts";
import {
  CONFIG_FILE,
  mayBeEmpty,
  placeOf,
  rowOf,
  type Setting,
  type SettingFlags,
  type SettingName,
  type Source,
} from "./settings.ts";

/** All that settings are resolved from. */
export interface SettingInputs {
  flags: SettingFlags;
  /** What a program gives, in place of flags; `origin` is how the program names it. */
  options?: ReadonlyMap<SettingName, { text: string; origin: string }>;
  env: Readonly<Record<string, string | undefined>>;
  file: IniFile | null;
  /** Absolute path of the file, null when there is none. */
  configPath: string | null;
  /** Absolute */
  cwd: string;
  /** Settings to ignore; none by default. */
  hidden?: (name: SettingName) => boolean;
}

/** A text that one level gives for a setting; a relative path in it starts at `folder`. */
export interface Given {
  text: string;
  source: Source;
  origin: string;
  folder: string;
}

/** The levels that can give a setting, highest first. */
export const LEVELS = ["flag", "env", "file"] as const;
export type Level = (typeof LEVELS)[number];

const READERS: Record<Level, (name: SettingName, inputs: SettingInputs) => Given | undefined> = {
  flag: (name, { flags, options, cwd }) => {
    const option = options?.get(name);
    if (option !== undefined) return { ...option, source: "flag", folder: cwd };
    const origin = rowOf(name).flag?.[0].split(" ")[0];
    if (origin === undefined) return undefined;
    const [, no, attribute] = /^--(no-)?(.*)$/.exec(origin)!;
    const value = flags[camelCase(attribute!)];
    const text = no && value === false ? "false" : value;
    return typeof text === "string" ? { text, source: "flag", origin, folder: cwd } : undefined;
  },
  env: (name, { env, cwd }) => {
    const origin = rowOf(name).env?.[0];
    const text = origin && env[origin];
    // An empty variable is unset; an empty flag is a wrong value, as "$UNSET" in a script must not mean the default.
    return origin && text ? { text, source: "env", origin, folder: cwd } : undefined;
  },
  file: (name, inputs) => {
    const { section, option } = placeOf(name);
    const text = inputs.file?.get(section, option);
    if (text === undefined || (text === "" && mayBeEmpty(name))) return undefined;
    const origin = `${inputs.configPath ?? CONFIG_FILE} [${section}] ${option}`;
    return { text, source: "file", origin, folder: homeFolder(inputs) };
  },
};

/** What a level gives for a setting, if it does. An option of the file that cannot be interpolated is a CONFIG_INVALID. */
export function givenAt(level: Level, name: SettingName, inputs: SettingInputs): Given | undefined {
  return inputs.hidden?.(name) ? undefined : READERS[level](name, inputs);
}

/** The value of the highest level that gives the setting, or its default. A wrong value is a CONFIG_INVALID. */
export function chosen(name: SettingName, inputs: SettingInputs): Setting<unknown> {
  for (const level of LEVELS) {
    const given = givenAt(level, name, inputs);
    if (given !== undefined) return settingOf(name, given);
  }
  return byDefault(name, homeFolder(inputs));
}

/** The setting that a level gives. A wrong value is a CONFIG_INVALID. */
export function settingOf(name: SettingName, given: Given): Setting<unknown> {
  const { kind } = rowOf(name);
  const value = read(kind, given);
  const { source, origin, folder } = given;
  return { value: kind === PATH ? resolve(folder, value as string) : value, source, origin };
}

/** @param folder where a relative path starts */
export function byDefault(name: SettingName, folder = ""): Setting<unknown> {
  const { kind, default: value } = rowOf(name);
  const isPath = kind === PATH && typeof value === "string";
  return { value: isPath ? resolve(folder, value) : value, source: "default", origin: "default" };
}

/** The value of a text, or a CONFIG_INVALID that names its source, the text and what is accepted (SPEC section 7). */
export function read<T>(kind: Kind<T>, given: Given): T {
  const value = kind.parse(given.text);
  if (value !== undefined) return value;
  const text = kind.isSecret ? "what it says" : quoted(withoutPassword(kind, given.text));
  const message = `${given.origin}: ${text} is wrong; accepted: ${kind.accepted}`;
  throw new TtsctlError("CONFIG_INVALID", message, { hint: kubernetesHint(given) });
}

/** What to do about the variable that Kubernetes sets for a Service named redis, if this is it. */
export function kubernetesHint({ origin, text }: Given): string | undefined {
  if (origin !== "REDIS_PORT" || !text.includes("://")) return undefined;
  return "Kubernetes sets REDIS_PORT for a Service named redis: set it to the port in the pod, or set enableServiceLinks: false there.";
}

/** A url may stand where a host was asked for. */
function withoutPassword(kind: unknown, text: string): string {
  return kind === REDIS_URL || text.includes("@") || text.includes("://") ? maskSuspect(text) : text;
}

/** The folder that the relative paths of the file and of the defaults start at. */
function homeFolder({ configPath, cwd }: SettingInputs): string {
  return configPath === null ? cwd : dirname(configPath);
}
