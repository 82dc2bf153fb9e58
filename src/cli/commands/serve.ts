import { once } from "node:events";
import { resolve } from "node:path";
import type { CleanupRecord } from "../../app/cleanup-record.ts";
import { maskUrl } from "../../config/address.ts";
import { defaultText } from "../../config/settings.ts";
import { ours, TtsctlError } from "../../errors.ts";
import type { Observed } from "../../http/metrics.ts";
import type { SyncOutcome } from "../../operations/sync.ts";
import { shellWord } from "../../printable.ts";
import { type CommandSpec, type Context, consoleReporter } from "../context.ts";
import { sourceStack } from "../report-error.ts";
import { sectionOptions } from "../selection.ts";
import { describeSync } from "./sync.ts";

export const spec: CommandSpec = {
  about: "serve the HTTP API and the web page, sync the store file to Redis, and with --cleanup purge expired tasks",
  declare(command) {
    for (const option of sectionOptions("http")) command.addOption(option);
    command
      .option("--no-cleanup", "do not purge; the default, unless [http] cleanup is set")
      .option("--no-sync", "do not push the store file to Redis on start or when Redis is back")
      .option("--read-only", "change nothing: delete and mark no tasks, no sync, no cleanup", false);
  },
  /** Answers requests until a signal. It listens first: the file is read while Redis is filled. @throws CONFIG_*, LISTEN_FAILED */
  async run(context, flags) {
    const { isLocal } = await import("../../http/guard.ts");
    const { createHttpServer, drain, listen } = await import("../../http/server.ts");
    const { newMetrics } = await import("../../http/metrics.ts");
    const { connectSyncing } = await import("../../app/syncing.ts");
    const { cleanupRecord } = await import("../../app/cleanup-record.ts");
    const settings = await context.settings();
    const { http } = settings;
    const stopped = once(context.signal, "abort");
    await context.warnOfMisspelt();
    const { host, token } = http;
    // Every client that reaches the port could delete everything.
    if (!isLocal(host.value) && token.value === null) {
      const hint = "set [http] token or TTSCTL_HTTP_TOKEN (openssl rand -hex 32 makes one), or listen on 127.0.0.1";
      const what = `${host.value} can be reached from other machines, and no token is set`;
      throw new TtsctlError("CONFIG_INVALID", `${host.origin}: ${what}`, { hint });
    }
    const record = cleanupRecord(context);
    // Without a listener, SIGHUP would end the server. The cleanup loop has its own.
    const onHangup = () => void context.note("info", "SIGHUP: only a cleanup loop reloads its settings");
    process.on("SIGHUP", onHangup);
    context.onRelease(async () => void process.off("SIGHUP", onHangup));
    const cleans = http.cleanup.value && !flags.readOnly;
    if (http.cleanup.value && flags.readOnly) {
      await context.note("warn", `--read-only: this server doesn't clean up, despite ${http.cleanup.origin}`);
    }
    if (cleans) await context.requireConfig(true);
    const { clock, surroundings } = context;
    const describe = (outcome: SyncOutcome) => describeSync(outcome, undefined).trimEnd().replaceAll("\n", "; ");
    const note = context.note.bind(context);
    const mayWrite = !flags.readOnly;
    const syncing = await connectSyncing(context, { isWanted: flags.sync && mayWrite, mayWrite, note, describe });
    const server = createHttpServer({
      ...{ run: context, clock, settings, rules: await context.rules(), store: await context.stores() },
      ...{ syncing, cleanup: record, readOnly: flags.readOnly, pageFolder: surroundings.pageFolder },
      metrics: newMetrics(),
      command: commandsOf(context),
      reporterOf: (dryRun, onWarning) => {
        const flags = { ...context.flags, output: "json", summary: dryRun } as const;
        return { ...consoleReporter(context.terminal, flags, onWarning), progress: () => {} };
      },
      ended: accessLog(context),
      failed: (error) => void note("error", `an internal error: ${sourceStack(error)}`, { code: "INTERNAL" }),
    });
    const url = await listen(server, host.value, http.port.value);
    await context.note("info", `listening on ${url}${http.basePath.value}/`);
    const working = syncing.begin().then(() => (cleans ? cleanUp(context, record) : undefined));
    await stopped;
    await context.note("info", "stopping: no new requests are accepted");
    // Current requests have 3 s, so everything ends within 5 s.
    await Promise.all([drain(server, 3000, context.clock), working, syncing.close()]);
  },
  examples: `
Examples:
  ttsctl serve                          http://${defaultText("http.host")}:${defaultText("http.port")}/, for this machine
  ttsctl serve --read-only --port 0     change nothing, on any free port
  ttsctl serve --cleanup -v             also clean up; log each request`,
};

/** The loop of `cleanup --watch`. If another watcher of the store runs, it logs that and ends; the server goes on. */
async function cleanUp(context: Context, record: CleanupRecord): Promise<void> {
  if (context.signal.aborted) return;
  const { watch } = await import("../watch.ts");
  const { runPass } = await import("./cleanup.ts");
  const fork = context.fork(await context.settings());
  const flags = { dryRun: false, allowEmpty: false, once: false };
  const observed: Parameters<typeof watch>[1] = (pass, refusal, doubt) => {
    record.setOurs(true);
    return runPass(pass, { ...flags, doubt }, refusal, record.passEnded);
  };
  try {
    await watch(fork, observed, record.waits);
  } catch (error) {
    const { message, code } = ours(error);
    await context.note("warn", `this server does not clean up: ${message}`, { code });
  } finally {
    record.setOurs(false);
    await fork.release();
  }
}

/** A command line for a shell, with the flags that chose the configuration, but without a password. */
function commandsOf({ caller, flags: { config, profile, store, redisUrl, redis } }: Context) {
  const full = (path: string | undefined) => path && resolve(caller.cwd, path);
  const url = redisUrl && maskUrl(redisUrl);
  const given = { "--config": full(config), "--profile": profile, "--store": full(store), "--redis-url": url };
  const own = Object.entries(given).flatMap(([flag, value]) => (value === undefined ? [] : [flag, shellWord(value)]));
  return (words: string) => ["ttsctl", words, ...own, ...(redis ? [] : ["--no-redis"])].join(" ");
}

function accessLog({ terminal: { err }, flags }: Context): (request: Observed) => void {
  if (flags.verbose === 0 && !err.isJson) return () => {};
  return ({ method, status, bytes, remote, finished, seconds, url: asked }) => {
    const url = asked.replace(/(token=)[^&#]*/gi, "$1***");
    const ms = Math.round(seconds * 1000);
    const msg = `${remote} ${method} ${url} ${status}, ${bytes} bytes in ${ms} ms${finished ? "" : ", aborted"}`;
    const fields = { event: "request", remote, method, url, status, bytes, ms, finished };
    void err.sayWhen({ level: "info", msg, fields });
  };
}
