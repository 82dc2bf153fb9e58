import { isUtf8 } from "node:buffer";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describeSystemError, systemErrorCode, TtsctlError } from "../errors.ts";
import { type IniFile, parseIni } from "./ini-file.ts";
import type { SettingInputs } from "./levels.ts";
import { checkTlsFiles } from "./redis-checks.ts";
import { resolveSettings } from "./resolve.ts";
import { CONFIG_FILE, CONFIG_VARIABLE, type SettingFlags, type Settings } from "./settings.ts";

export interface LoadOptions {
  flags: SettingFlags & { readonly config?: string | undefined };
  /** Of a program, which looks for no file by itself. */
  options?: SettingInputs["options"];
  env: Readonly<Record<string, string | undefined>>;
  /** Absolute */
  cwd: string;
}

/** Where config.ini is looked for; `origin` is what named it, null for the working folder, where it may be missing. */
interface Place {
  path: string;
  origin: string | null;
}

/**
 * Finds and reads config.ini (`--config`, else `TTSCTL_CONFIG`, else `./config.ini`) and resolves the settings (SPEC
 * section 7). A named file that is not there is a CONFIG_NOT_FOUND; one that cannot be read is a CONFIG_INVALID.
 */
export async function loadSettings(options: LoadOptions): Promise<Settings> {
  const settings = resolveSettings(await readInputs(options));
  await checkTlsFiles(settings.redis);
  return settings;
}

/** All that settings are resolved from; throws as `loadSettings` does for the file, and for no value in it. */
export async function readInputs({ flags, options, env, cwd }: LoadOptions): Promise<SettingInputs> {
  const isLooked = options === undefined || flags.config !== undefined;
  const flagName = options === undefined ? "--config" : "openTaskStore config";
  const file = isLooked ? readConfig(findConfig(flags.config, env[CONFIG_VARIABLE], cwd, flagName)) : null;
  return { flags, ...(options && { options }), env, file, configPath: file?.path ?? null, cwd };
}

function findConfig(flag: string | undefined, variable: string | undefined, cwd: string, flagName: string): Place {
  if (flag === "")
    throw new TtsctlError("CONFIG_INVALID", `${flagName}: "" is wrong; accepted: the path of a ${CONFIG_FILE}`);
  if (flag !== undefined) return { path: resolve(cwd, flag), origin: flagName };
  if (variable) return { path: resolve(cwd, variable), origin: CONFIG_VARIABLE };
  return { path: resolve(cwd, CONFIG_FILE), origin: null };
}

/** Reads in one go what is small: to hand it to a thread would take a good part of a short command. */
function readConfig({ path, origin }: Place): IniFile | null {
  try {
    return parseIni(decoded(readFileSync(path), path), path);
  } catch (cause) {
    if (cause instanceof TtsctlError) throw cause;
    if (!isMissing(cause))
      throw new TtsctlError("CONFIG_INVALID", `${path} cannot be read: ${describeSystemError(cause)}`, { cause });
    if (origin === null) return null;
    throw new TtsctlError("CONFIG_NOT_FOUND", `${path}, which ${origin} names, does not exist`, { cause });
  }
}

/** UTF-8 as Python decodes it: a byte-order mark stays, and is refused later. */
function decoded(bytes: Buffer, path: string): string {
  if (!isUtf8(bytes)) throw new TtsctlError("CONFIG_INVALID", `${path} is not UTF-8 text`);
  return bytes.toString();
}

function isMissing(error: unknown): boolean {
  return ["ENOENT", "ENOTDIR"].includes(systemErrorCode(error) ?? "");
}
