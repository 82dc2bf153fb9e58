import { readdirSync, realpathSync } from "node:fs";
import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";
import { TtsctlError } from "../errors.ts";
import { quoted } from "../printable.ts";
import { nearest } from "../task/nearest.ts";

export const PROFILE_VARIABLE = "TTSCTL_PROFILE";

type Env = Readonly<Record<string, string | undefined>>;

/** A plain name: it is part of a path, and of a command line. */
const NAME = /^[\p{L}\p{N}][\p{L}\p{N}._-]{0,63}$/u;

/** The directory of profiles: each is a config.ini, or a link to one. */
export function profilesFolder({ XDG_CONFIG_HOME = "", HOME }: Env): string {
  const home = isAbsolute(XDG_CONFIG_HOME) ? XDG_CONFIG_HOME : join(HOME || homedir(), ".config");
  return join(home, "ttsctl");
}

/** The names of the profiles, sorted; none if the directory can't be read. */
export function profileNames(env: Env): string[] {
  try {
    const files = readdirSync(profilesFolder(env)).filter((file) => file.endsWith(".ini"));
    const names = files.map((file) => file.slice(0, -".ini".length));
    return names.filter((name) => NAME.test(name)).sort();
  } catch {
    return [];
  }
}

/** The file of a profile, which may be missing. A link is followed, so relative paths stay right. @throws TtsctlError CONFIG_INVALID */
export function profilePath(name: string, origin: string, env: Env): string {
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

export function unknownProfile(name: string, env: Env): TtsctlError {
  const known = profileNames(env).filter((other) => other !== name);
  const near = nearest(name, known);
  const like = near.length === 0 ? "" : `did you mean ${near.join(" or ")}? `;
  const create = `create it with \`ttsctl config init --profile ${name}\``;
  const hint = known.length === 0 ? create : `${like}known: ${known.join(", ")}`;
  return new TtsctlError("CONFIG_NOT_FOUND", `there is no profile ${quoted(name)} in ${profilesFolder(env)}`, { hint });
}
