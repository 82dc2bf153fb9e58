import { formatDuration } from "../task/duration.ts";
import { chosen, type SettingInputs } from "./levels.ts";
import { misspeltWarnings } from "./misspelt.ts";
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
