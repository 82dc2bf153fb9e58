import { DEFAULTS, type SettingName, type SettingValues } from "./defaults.ts";
import { type Kind, read } from "./kinds.ts";
import { type Given, given, type SettingInputs } from "./levels.ts";
import type { Setting } from "./settings.ts";

/** The value of the highest level that gives the setting, or its default. A wrong value is a CONFIG_INVALID. */
export function chosen<N extends SettingName>(
  name: N,
  kind: Kind<SettingValues[N]>,
  inputs: SettingInputs,
): Setting<SettingValues[N]> {
  const found = given(name, inputs);
  return found ? settingOf(found, read(kind, found)) : byDefault(DEFAULTS[name]);
}

export function settingOf<T>({ source, origin }: Given, value: T): Setting<T> {
  return { value, source, origin };
}

export function byDefault<T>(value: T): Setting<T> {
  return { value, source: "default", origin: "default" };
}
