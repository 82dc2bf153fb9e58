import { TtsctlError } from "../errors.ts";
import { CONFIG_VARIABLE, SETTING_NAMES, type SettingName } from "./defaults.ts";
import type { IniFile } from "./ini-file.ts";
import { placeOf, type SettingInputs, VARIABLES } from "./levels.ts";
import { type LoadOptions, readInputs } from "./load.ts";
import { type ForeignNames, foreignNames } from "./misspelt.ts";
import { parseRedisUrl } from "./redis-url.ts";
import { resolveSettings } from "./resolve.ts";
import type { Settings } from "./settings.ts";
import { checkTlsFiles } from "./tls-files.ts";

/** What can be said of a configuration, right or wrong. No secret is in it but in `settings`. */
export interface Examination {
  /** The file in force; null where there is none. */
  readonly path: string | null;
  /** What is wrong with the file as a whole. */
  readonly unreadable: TtsctlError | null;
  /** The settings in force, as far as they can be told: those of a section with a wrong value are the defaults. */
  readonly settings: Settings | null;
  /** The first wrong value of each section that has one. */
  readonly wrong: ReadonlyMap<string, TtsctlError>;
  readonly names: ForeignNames;
  /** Whether the file holds a password or a token, in force or not. */
  readonly holdsPassword: boolean;
  /** Variables of ttsctl that are set. */
  readonly variables: string[];
  /** Whether REDIS_PORT is the one that Kubernetes sets. */
  readonly kubernetes: boolean;
}

/** Looks at everything in a configuration, and throws for nothing that is wrong in it. */
export async function examineConfig(options: LoadOptions): Promise<Examination> {
  const variables = [CONFIG_VARIABLE, ...Object.values(VARIABLES)].filter((name) => options.env[name]);
  const kubernetes = options.env.REDIS_PORT?.includes("://") === true;
  try {
    const inputs = await readInputs(options);
    return { ...(await examineInputs(inputs)), path: inputs.configPath, unreadable: null, variables, kubernetes };
  } catch (error) {
    if (!(error instanceof TtsctlError)) throw error;
    return { ...NOTHING, path: null, unreadable: error, variables, kubernetes };
  }
}

const NOTHING = {
  ...{ settings: null, wrong: new Map(), names: { misspelt: [], sections: [] } },
  ...{ holdsPassword: false },
};

async function examineInputs(
  inputs: SettingInputs,
): Promise<Omit<Examination, "path" | "unreadable" | "variables" | "kubernetes">> {
  const wrong = new Map<string, TtsctlError>();
  for (const section of new Set(SETTING_NAMES.map(sectionOf))) {
    const error = await problemOf({ ...inputs, hidden: (name) => sectionOf(name) !== section });
    if (error !== undefined) wrong.set(section, error);
  }
  const settings = resolveSettings({ ...inputs, hidden: (name) => wrong.has(sectionOf(name)) });
  const { file } = inputs;
  if (file === null) return { ...NOTHING, settings, wrong };
  return { settings, wrong, names: foreignNames(file), holdsPassword: holdsPassword(file) };
}

function sectionOf(name: SettingName): string {
  return placeOf(name).section;
}

async function problemOf(inputs: SettingInputs): Promise<TtsctlError | undefined> {
  try {
    await checkTlsFiles(resolveSettings(inputs).redis);
    return undefined;
  } catch (error) {
    if (error instanceof TtsctlError) return error;
    throw error;
  }
}

const SECRETS = [
  ["redis", "password"],
  ["redis", "sentinel_password"],
  ["http", "token"],
] as const;

/** A url that is wrong may hold one all the same. */
function holdsPassword(file: IniFile): boolean {
  const url = valueIn(file, "redis", "url") ?? "";
  if (SECRETS.some(([section, option]) => (valueIn(file, section, option) ?? "") !== "")) return true;
  return url !== "" && parseRedisUrl(url)?.password !== null;
}

/** A value of the file, in force or not; undefined also for one that cannot be interpolated, which is named elsewhere. */
function valueIn(file: IniFile, section: string, option: string): string | undefined {
  try {
    return file.get(section, option);
  } catch (error) {
    if (error instanceof TtsctlError) return undefined;
    throw error;
  }
}
