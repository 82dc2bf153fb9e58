import { dirname, relative, resolve } from "node:path";
import { safe, stringify } from "ini";
import { TtsctlError } from "../errors.ts";
import { strip } from "../task/ids.ts";
import { MASK, maskUrl } from "./address.ts";
import { DEFAULT_SECTION, type IniFile } from "./ini-file.ts";
import { PATH, REDIS_URL } from "./kinds.ts";
import { findAddress, type RedisAddress } from "./redis.ts";
import {
  givenFor,
  placeOf,
  rowOf,
  SETTING_NAMES,
  type SettingInputs,
  type SettingName,
  type Source,
} from "./settings.ts";

/** A value of a new config.ini; `found`: on this machine. */
type NewValue = { readonly text: string; readonly source: Source | "found" | "answer"; readonly origin: string };

export type NewValues = Map<SettingName, NewValue>;

/** What flags, variables and the file give, as texts for a new file at `path`. @throws TtsctlError CONFIG_INVALID */
export function givenValues(inputs: SettingInputs, path: string): NewValues {
  const address = findAddress(inputs);
  const values = addressValues(address);
  for (const name of SETTING_NAMES) {
    const given = address.settings.has(name) ? undefined : givenFor(name, inputs);
    if (given === undefined) continue;
    const { text, folder } = given;
    values.set(name, { ...given, text: rowOf(name).kind === PATH ? pathText(resolve(folder, text), path) : text });
  }
  return values;
}

/** The address of Redis in the form in which it was given: a url is kept, unless a higher level replaced a part of it. */
function addressValues(address: RedisAddress): NewValues {
  const { parts, url } = address;
  type InForce = [SettingName, NewValue & { value: unknown }];
  const inForce = [...address.settings].filter(([, { source }]) => source !== "default") as InForce[];
  const isRight = (name: SettingName) => address.way === "sentinels" || !name.startsWith("redis.sentinel_");
  const fromParts = inForce.filter(([name]) => parts.has(name) && isRight(name));
  if (url !== undefined && fromParts.length === 0) return new Map([["redis.url", url.given]]);
  if (url !== undefined && url.url.socket !== null && address.way === "url") {
    const what = `${url.given.origin} and ${parts.get(fromParts[0]![0])!.origin} can't be written together`;
    throw new TtsctlError("CONFIG_INVALID", what, { hint: "put them into the url of the socket" });
  }
  const written = inForce.filter(([name]) => !["redis.url", "redis.socket"].includes(name) && isRight(name));
  return new Map(written.map(([name, setting]) => [name, parts.get(name) ?? { ...setting, text: `${setting.value}` }]));
}

/** A path as it is written in a file: relative to the file's directory if it is below that. */
export function pathText(path: string, file: string): string {
  const below = relative(dirname(file), path);
  return below === "" || below.startsWith("..") ? path : below;
}

/** A config.ini with these values, and what the former file has besides. @param isShown without secrets @throws TtsctlError CONFIG_INVALID */
export function configText(values: NewValues, former: IniFile | null, isShown = false): string {
  const ours: string[] = SETTING_NAMES.map((name) => placeOf(name).section);
  const texts = [...new Set([...ours, DEFAULT_SECTION, ...(former?.sections() ?? [])])].map((section) => {
    const lines = settingLines(section, values, isShown) + keptLines(former, section);
    const isEmpty = lines === "" && (ours.includes(section) || section === DEFAULT_SECTION);
    return isEmpty ? "" : `\n[${section}]\n${lines}`;
  });
  return HEAD + texts.join("");
}

const HEAD = `# ttsctl and the TTS service: one file for both, as Python's configparser reads it.
# docs/settings.md has all settings; \`ttsctl config\` prints those in force, \`ttsctl doctor\` checks them.
`;

function settingLines(section: string, values: NewValues, isShown: boolean): string {
  const given = [...values].filter(([name]) => placeOf(name).section === section);
  const lines = given.map(([name, value]) => {
    const { option } = placeOf(name);
    const given = fileText(name, value);
    const text = (isShown ? shownText(name, { text: given }) : given).replaceAll("%", "%%");
    // What `ini` would quote or escape stays as it is, since Python's configparser would not undo it.
    return safe(text) === text ? stringify({ [option]: text }, { whitespace: true }) : `${option} = ${text}\n`;
  });
  return lines.join("");
}

/** A text without what Python's configparser would cut off. @throws TtsctlError CONFIG_INVALID if that changes its meaning */
function fileText(name: SettingName, { text, origin }: NewValue): string {
  const { kind } = rowOf(name);
  const stripped = strip(text);
  const means = (text: string) => JSON.stringify(kind.parse(text));
  if (stripped !== "" && !/[\r\n]/.test(stripped) && means(stripped) === means(text)) return stripped;
  const hint = "it has a line break, or spaces at its ends, which Python's configparser would cut off";
  throw new TtsctlError("CONFIG_INVALID", `${origin}: config.ini can't hold this value`, { hint });
}

export function shownText(name: SettingName, { text }: Pick<NewValue, "text">): string {
  const { kind } = rowOf(name);
  if (kind.isSecret) return MASK;
  return kind === REDIS_URL ? maskUrl(text) : text;
}

/** The options of a section that aren't ours, as they are in the file. */
function keptLines(former: IniFile | null, section: string): string {
  const ours = SETTING_NAMES.map(placeOf).filter((place) => place.section === section);
  const kept = [...(former?.raw(section) ?? [])].filter(([name]) => !ours.some(({ option }) => option === name));
  return kept.map(([name, value]) => `${name} = ${value.replaceAll(/\n(?!\n)/g, "\n  ")}\n`).join("");
}
