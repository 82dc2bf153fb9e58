import { Argument } from "commander";
import { configPlace, loadSettings, profileNames, profilePath, profilesFolder } from "../../config/load.ts";
import { redisShown } from "../../config/redis.ts";
import { describeSettings } from "../../config/settings.ts";
import { ours } from "../../errors.ts";
import type { CommandSpec, Context } from "../context.ts";
import { refuseFlags } from "../selection.ts";

export const spec: CommandSpec = {
  about: "print the settings in force and where each came from, or write a config.ini",
  declare(command) {
    const what = "init: write a config.ini with what is given and found; profiles: list the profiles";
    command
      .addArgument(new Argument("[action]", what).choices(["init", "profiles"]))
      .optionsGroup("Safety:")
      .option("-y, --yes", "init: don't ask, and use what is found", false)
      .option("--dry-run", "init: print the file and write nothing", false)
      .option("--force", "init: replace a file that exists; the service's own options are kept", false);
  },
  async run(context, flags, [action]) {
    if (action === "init") {
      const { initConfig } = await import("../config-init.ts");
      return initConfig(context, flags);
    }
    refuseFlags(flags, ["--yes", "--dry-run", "--force"], "without init");
    return action === "profiles" ? showProfiles(context) : showConfig(context);
  },
  examples: `
Flags override variables, variables override config.ini, and config.ini
overrides the defaults.
init looks for the store file, the directories of audio and logs, and Redis. On
a terminal it asks, with what it found as the default.
Examples:
  ttsctl config
  ttsctl config init --dry-run            preview the file
  ttsctl config init --profile prod       as ~/.config/ttsctl/prod.ini
  ttsctl config profiles                  then: ttsctl list --profile prod
  REDIS_PORT=6380 ttsctl config -o json`,
};

async function showConfig(context: Context): Promise<void> {
  const settings = await context.settings();
  const described = describeSettings(settings);
  const rows = Object.entries(described).map(([name, { value, source }]) => [name, String(value ?? "") || "-", source]);
  await context.emitObject(described, () => context.table(["SETTING", "VALUE", "SOURCE"], rows));
  const file = settings.configPath ?? "none found; only defaults, variables and flags";
  const { profile } = configPlace(context.loadOptions());
  await context.inform(`config file: ${file}${profile === null ? "" : ` (profile ${profile})`}`);
}

/** The profiles with the values in their files; flags and variables are ignored. */
async function showProfiles(context: Context): Promise<void> {
  const { env, cwd } = context.loadOptions();
  const current = configPlace(context.loadOptions()).profile;
  const folder = profilesFolder(env);
  const reading = profileNames(env).map(async (name) => {
    const path = profilePath(name, name, env);
    const settings = await loadSettings({ flags: { config: path }, env: {}, cwd }).catch((error) => {
      context.reporter.warn(`profile ${name}: ${ours(error).message}`);
      return null; // so are its store and Redis
    });
    const store = settings?.store.path.value ?? null;
    return { name, current: name === current, store, redis: settings && redisShown(settings), path };
  });
  const profiles = await Promise.all(reading);
  await context.emit({
    json: () => [`${JSON.stringify({ folder, profiles })}\n`],
    jsonLines: () => profiles.map((profile) => `${JSON.stringify(profile)}\n`),
    text: () => {
      const rows = profiles.map(({ name, current, store, redis, path }) => {
        return [current ? "*" : "", name, store ?? "-", redis ?? "-", path];
      });
      return rows.length === 0 ? "" : context.table(["", "PROFILE", "STORE", "REDIS", "FILE"], rows);
    },
  });
  const hint = "`ttsctl config init --profile NAME` creates one";
  if (profiles.length === 0) await context.inform(`no profiles in ${folder}; ${hint}`);
}
