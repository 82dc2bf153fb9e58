import { ours, type TtsctlError } from "../errors.ts";
import { parseRedisUrl } from "./address.ts";
import type { IniFile } from "./ini-file.ts";
import { configPlace, foreignNames, type LoadOptions, PROFILE_VARIABLE, readInputs, resolveSettings } from "./load.ts";
import { checkTlsFiles } from "./redis.ts";
import { CONFIG_VARIABLE, placeOf, rowOf, SETTING_NAMES, type SettingInputs, type SettingName } from "./settings.ts";

/** Reads a configuration without throwing for what is wrong in it. Secrets are only in `settings`. */
export async function examineConfig(options: LoadOptions) {
  const known = SETTING_NAMES.flatMap((name) => rowOf(name).env?.[0] ?? []);
  const variables = [CONFIG_VARIABLE, PROFILE_VARIABLE, ...known].filter((name) => options.env[name]);
  const kubernetes = options.env.REDIS_PORT?.includes("://") === true;
  try {
    const inputs = await readInputs(options);
    const about = { path: inputs.file?.path ?? null, profile: configPlace(options).profile };
    return { ...(await examineInputs(inputs)), ...about, unreadable: null, variables, kubernetes };
  } catch (error) {
    return { ...NOTHING, path: null, profile: null, unreadable: ours(error), variables, kubernetes };
  }
}

const names = foreignNames(null);
const NOTHING = { settings: null, wrong: new Map<string, TtsctlError>(), names, holdsPassword: false };

/** @returns the settings in force, with defaults in a section with a wrong value; and the first wrong value of each section */
async function examineInputs(inputs: SettingInputs) {
  const wrong = new Map<string, TtsctlError>();
  for (const section of new Set(SETTING_NAMES.map((name) => placeOf(name).section))) {
    try {
      await checkTlsFiles(resolveSettings({ ...inputs, hidden: (name) => placeOf(name).section !== section }).redis);
    } catch (error) {
      wrong.set(section, ours(error));
    }
  }
  const settings = resolveSettings({ ...inputs, hidden: (name) => wrong.has(placeOf(name).section) });
  const { file } = inputs;
  return { settings, wrong, names: foreignNames(file), holdsPassword: file !== null && holdsPassword(file) };
}

/** A wrong url may hold one too. */
export function holdsPassword(file: IniFile): boolean {
  const url = valueIn(file, "redis.url") ?? "";
  const secrets = SETTING_NAMES.filter((name) => rowOf(name).kind.isSecret);
  if (secrets.some((name) => (valueIn(file, name) ?? "") !== "")) return true;
  return url !== "" && parseRedisUrl(url)?.password !== null;
}

/** In force or not; undefined also if it can't be interpolated, which is reported elsewhere. */
function valueIn(file: IniFile, name: SettingName): string | undefined {
  const { section, option } = placeOf(name);
  try {
    return file.get(section, option);
  } catch (error) {
    ours(error);
    return undefined;
  }
}
