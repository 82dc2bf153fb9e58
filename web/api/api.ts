import type { HealthAnswer } from "../../src/http/parts.ts";
import type { StreamEnd } from "../../src/http/routes/logs.ts";
import type { StatsHours } from "../../src/http/routes/stats.ts";
import type { TaskFiles } from "../../src/http/routes/voice-tasks.ts";
import type { DeleteResult } from "../../src/operations/delete.ts";
import type { MarkResult } from "../../src/operations/mark/mark.ts";
import type { PageJson } from "../../src/render/item.ts";
import { fieldsOf } from "../model/exact-json.ts";
import { type Download, downloadsOf } from "../model/files.ts";
import { bodyOf, type Filter, isFiltered } from "../model/filter.ts";
import { Failure, problemOf } from "./failure.ts";

/** One answer to "which tasks". */
export interface ListAnswer {
  readonly page: PageJson;
  /** The server's notes on it, a line each. */
  readonly warnings: readonly string[];
}

export type ChangeResult = DeleteResult | MarkResult;

/** How a change went, or would go. */
export interface Changed {
  readonly result: ChangeResult;
  /** The server's notes on it, a line each. */
  readonly warnings: readonly string[];
}

/** What the server sends of a log. */
export type LogEvent =
  | { readonly event: "lines"; readonly data: { readonly path: string; readonly lines: readonly string[] } }
  | { readonly event: "note"; readonly data: string }
  | { readonly event: "beat"; readonly data?: never }
  | { readonly event: "end"; readonly data: StreamEnd };

/** How long the server may take, in milliseconds. A million tasks are counted in a few seconds. */
const PATIENCE = 30_000;
const LOG_LINES = 200;
/** The most that the server sends. */
const MOST_LOG_LINES = 10_000;
const UNAUTHORIZED = 401;
/** Whatever dialect the server answers others in. */
const PLAIN = { "ttsctl-dialect": "plain" };

/**
 * Requests to the server. All addresses are relative: the page works behind a proxy, under any path. A request without
 * a response is a Failure, unless it was aborted.
 */
export class Api {
  readonly #refused: () => void;
  /** How far the server's clock is ahead of this browser's, in milliseconds. */
  #ahead = 0;

  /** @param refused is called whenever a token is wanted */
  constructor(refused: () => void) {
    this.#refused = refused;
  }

  /** The time by the server's clock, epoch seconds. */
  now(): number {
    return (Date.now() + this.#ahead) / 1000;
  }

  /** A page of the list, or the tasks of some ids. A filter goes into a body, which may be long, as an address may not. */
  async list(filter: Filter, page: number, pageSize: number, signal: AbortSignal): Promise<ListAnswer> {
    const response = isFiltered(filter)
      ? await this.#send("POST", "voice-tasks/query", bodyOf(filter, page, pageSize), signal)
      : await this.#ask(`voice-tasks?page=${page}&page_size=${pageSize}`, { signal });
    return { page: await received<PageJson>(response.json()), warnings: warningsOf(response) };
  }

  /** The fields of a record, each as text. */
  async fields(userId: string, taskId: string, signal: AbortSignal): Promise<[name: string, text: string][]> {
    const response = await this.#ask(taskPath(userId, taskId), { signal });
    return received(response.text().then(fieldsOf));
  }

  /** Without logs, which have no url to fetch them by and take longer to find. */
  async files(userId: string, taskId: string, signal?: AbortSignal): Promise<Download[]> {
    const path = `${taskPath(userId, taskId, "/files")}&logs=false`;
    const response = await this.#ask(path, { ...(signal ? { signal } : {}) });
    return downloadsOf(await received<TaskFiles>(response.json()));
  }

  /**
   * The last lines of a task's log, and new ones as they come. Unless the last event is `end`, the connection was lost.
   * @throws Failure
   */
  async *followLog(userId: string, taskId: string, signal: AbortSignal): AsyncGenerator<LogEvent> {
    const path = `${taskPath(userId, taskId, "/logs/stream")}&lines=${LOG_LINES}`;
    const { body } = await this.#ask(path, { signal }, 200, true);
    const texts = body!.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { done, value } = await received(texts.read());
      if (done) return;
      const events = (rest + value).split("\n\n");
      rest = events.pop()!;
      for (const text of events) {
        const [, event, data] = /^event: (\w+)\ndata: (.*)$/s.exec(text) ?? [];
        if (event === undefined) {
          yield { event: "beat" };
          continue;
        }
        const parsed = JSON.parse(data!);
        if (event === "problem") throw new Failure({ ...parsed, hint: parsed.hint ?? "" });
        yield { event, data: parsed } as LogEvent;
      }
    }
  }

  /** A log to download. */
  logUrl(userId: string, taskId: string): string {
    return `${taskPath(userId, taskId, "/logs")}&format=text&lines=${MOST_LOG_LINES}`;
  }

  /** Deletes or marks the tasks of a selection, or plans it. A large change may take any time. */
  async change(kind: "delete" | "mark", body: object, signal?: AbortSignal): Promise<Changed> {
    const response = await this.#send("POST", `voice-tasks/${kind}`, body, signal, true);
    return { result: await received<ChangeResult>(response.json()), warnings: warningsOf(response) };
  }

  async health(): Promise<HealthAnswer> {
    const response = await this.#ask("healthz", {}, 503);
    return received<HealthAnswer>(response.json());
  }

  async stats(userId: string): Promise<StatsHours> {
    const user = userId === "" ? "" : `?user_id=${encodeURIComponent(userId)}`;
    return received<StatsHours>((await this.#ask(`stats/hours${user}`)).json());
  }

  /** Begins a session, which the browser keeps in a cookie that no script can read. */
  async login(token: string): Promise<void> {
    await this.#send("POST", "login", { token });
  }

  async logout(): Promise<void> {
    await this.#send("POST", "logout");
  }

  #send(
    method: string,
    path: string,
    body: object | null = null,
    signal?: AbortSignal,
    isEndless = false,
  ): Promise<Response> {
    const content =
      body === null ? {} : { headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
    return this.#ask(path, { method, ...content, ...(signal ? { signal } : {}) }, 200, isEndless);
  }

  /**
   * @param alsoFine an error status that isn't a Failure
   * @param isEndless whether the answer may take any time
   */
  async #ask(path: string, init: RequestInit = {}, alsoFine = 200, isEndless = false): Promise<Response> {
    const limits = isEndless ? [] : [AbortSignal.timeout(PATIENCE)];
    const signal = AbortSignal.any([...limits, ...(init.signal ? [init.signal] : [])]);
    const headers = { ...init.headers, ...PLAIN };
    const response = await received(fetch(path, { ...init, headers, signal }));
    const date = Date.parse(response.headers.get("date") ?? "");
    if (!Number.isNaN(date)) this.#ahead = date - Date.now();
    if (response.ok || response.status === alsoFine) return response;
    if (response.status === UNAUTHORIZED) this.#refused();
    throw new Failure(await problemOf(response));
  }
}

function warningsOf(response: Response): string[] {
  return JSON.parse(response.headers.get("ttsctl-warnings") ?? "[]") as string[];
}

/** The parsed response, or a Failure: a proxy may respond with an HTML page. */
function received<T>(coming: Promise<T>): Promise<T> {
  return coming.catch(() => {
    throw new Failure(null);
  });
}

function taskPath(userId: string, taskId: string, of = ""): string {
  return `voice-task${of}?${new URLSearchParams({ user_id: userId, task_id: taskId })}`;
}
