import { join } from "node:path";
import { openArtifacts } from "../../artifacts/artifacts.ts";
import { Hosts, Token } from "../../http/guard.ts";
import { Metrics } from "../../http/health.ts";
import type { ServerParts, StatsRequest } from "../../http/parts.ts";
import { loadPage } from "../../http/routes/page.ts";
import type { StatsResult } from "../../operations/stats/types.ts";
import { VERSION } from "../../version.ts";
import type { Context } from "../context.ts";
import { sourceStack } from "../source-stack.ts";
import { statsOf } from "../stats-of.ts";
import { accessLog } from "./access-log.ts";
import { healthOfStores } from "./health.ts";
import { remover } from "./remover.ts";
import type { Syncing } from "./syncing.ts";

/** Beside the bundle; the build puts it there. */
const PAGE_FOLDER = join(import.meta.dirname, "web");

/** What the HTTP API works with, by the settings. */
export async function serverParts(context: Context, syncing: Syncing, readOnly: boolean): Promise<ServerParts> {
  const settings = await context.settings();
  const { http, paths } = settings;
  const rules = await context.rules();
  return {
    store: await context.taskStore(),
    rules,
    clock: context.clock,
    hosts: new Hosts(http.host.value, http.allowedHosts.value),
    token: http.token.value === null ? null : new Token(http.token.value, context.clock),
    basePath: http.basePath.value,
    dialect: http.dialect.value,
    page: await loadPage(PAGE_FOLDER),
    openArtifacts: () => openArtifacts({ output: paths.output.value, logs: paths.logs.value, names: rules }),
    health: async () => {
      return healthOfStores(await context.fileStore(), await context.mirrorLink(), syncing.isRunning);
    },
    stats: (request) => countIn(context, request),
    remove: readOnly ? null : remover(context, (removal) => syncing.left(removal)),
    ...{ version: VERSION, metrics: new Metrics(VERSION) },
    ended: accessLog(context),
    failed: (error) => {
      const msg = `an error of ttsctl itself: ${sourceStack(error instanceof Error ? (error.stack ?? error.message) : String(error))}`;
      void context.terminal.err.sayWhen({ level: "error", msg, fields: { code: "INTERNAL" } });
    },
  };
}

async function countIn(context: Context, request: StatsRequest): Promise<StatsResult> {
  const fork = context.fork(await context.settings(), { sharesMirror: true });
  try {
    return await statsOf(fork, { ...request, source: "auto" });
  } finally {
    await fork.release();
  }
}
