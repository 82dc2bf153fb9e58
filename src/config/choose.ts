import { resolve } from "node:path";
import { DEFAULTS, type SettingName, type SettingValues } from "./defaults.ts";
import { type Kind, PATH, read } from "./kinds.ts";
import { type Given, given, homeFolder, type SettingInputs } from "./levels.ts";
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

type PathName = {
  [N in SettingName]: string extends SettingValues[N] ? (SettingValues[N] extends string | null ? N : never) : never;
}[SettingName];

/** Absolute; a path that is not set and has no default is null. */
export function chosenPath<N extends PathName>(name: N, inputs: SettingInputs): Setting<SettingValues[N]>;
export function chosenPath(name: PathName, inputs: SettingInputs): Setting<string | null> {
  const setting: Setting<string | null> = chosen(name, PATH, inputs);
  const folder = given(name, inputs)?.folder ?? homeFolder(inputs);
  return { ...setting, value: setting.value === null ? null : resolve(folder, setting.value) };
}

export function settingOf<T>({ source, origin }: Given, value: T): Setting<T> {
  return { value, source, origin };
}

export function byDefault<T>(value: T): Setting<T> {
  return { value, source: "default", origin: "default" };
}
