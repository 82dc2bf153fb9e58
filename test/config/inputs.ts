import { parseIni } from "../../src/config/ini-file.ts";
import { resolveSettings } from "../../src/config/load.ts";
import type { SettingFlags, SettingInputs, Settings } from "../../src/config/settings.ts";
import { TtsctlError } from "../../src/errors.ts";

export const CONFIG = "/etc/tts/config.ini";
export const CWD = "/home/op";

/** What a test row gives; `file` is the text of config.ini, which is not there without it. */
export interface Row {
  flags?: SettingFlags;
  env?: Record<string, string>;
  file?: string;
}

export function resolved({ flags = {}, env = {}, file }: Row): Settings {
  const inputs: SettingInputs = { flags, env, file: null, cwd: CWD };
  if (file === undefined) return resolveSettings(inputs);
  return resolveSettings({ ...inputs, file: parseIni(file, CONFIG) });
}

/** The error that a call ends with. */
export function refusalOf(read: () => unknown): TtsctlError {
  try {
    read();
  } catch (error) {
    if (error instanceof TtsctlError) return error;
    throw error;
  }
  throw new Error("nothing was refused");
}

export const refusal = (row: Row): TtsctlError => refusalOf(() => resolved(row));
