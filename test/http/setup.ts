import { afterEach } from "vitest";
import type { Clock } from "../../src/clock.ts";
import { type Place, usePlace } from "../e2e/setup.ts";
import { type Command, Running, start } from "../helpers/ttsctl.ts";

type Env = Record<string, string>;

/** `ttsctl serve` in a root, and requests to it. */
export class Served<R extends Command = Command> {
  readonly run: R;
  readonly url: string;

  private constructor(run: R, url: string) {
    this.run = run;
    this.url = url;
  }

  static start(cwd: string, args: readonly string[], env: Env = {}, clock?: Clock): Promise<Served> {
    return Served.#listening(start(withPort(args), { cwd, env, ...(clock && { clock }) }));
  }

  /** The built program in a process of its own. */
  static startBuilt(cwd: string, args: readonly string[], env: Env = {}): Promise<Served<Running>> {
    return Served.#listening(new Running(withPort(args), { cwd, env }));
  }

  static async #listening<R extends Command>(run: R): Promise<Served<R>> {
    await run.says(/listening on http:[^"\s]+\/["\n]/);
    return new Served(run, /listening on (http:\/\/[^/]+)/.exec(run.stderr)![1]!);
  }

  get port(): number {
    return Number(new URL(this.url).port);
  }

  fetch(path: string, options: RequestInit = {}): Promise<Response> {
    return fetch(this.url + path, options);
  }

  post(path: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> {
    const text = typeof body === "string" ? body : JSON.stringify(body);
    const about = { "content-type": "application/json", ...headers };
    return this.fetch(path, { method: "POST", body: text, headers: about });
  }

  async json(path: string, options?: RequestInit): Promise<unknown> {
    return (await this.fetch(path, options)).json();
  }

  /** Returns its exit code. */
  async stop(): Promise<number | null> {
    if (!this.run.hasEnded) this.run.kill("SIGTERM");
    return (await this.run.end()).code;
  }
}

/** The status and the code of an answer that refuses. */
export async function refusalOf(answer: Response): Promise<[status: number, code: string]> {
  return [answer.status, ((await answer.json()) as { code: string }).code];
}

function withPort(args: readonly string[]): string[] {
  return ["serve", ...(args.includes("--port") ? [] : ["--port", "0"]), ...args];
}

export interface ServerPlace extends Place {
  serve(args?: string, env?: Env, clock?: Clock): Promise<Served>;
  /** In a process of its own, to look at its memory or its files. */
  serveBuilt(args?: string, env?: Env): Promise<Served<Running>>;
}

/** A root with its Redis as for other commands, and servers that end with the test. */
export function useServer(): ServerPlace {
  const place = usePlace();
  const servers: Served[] = [];
  afterEach(async () => {
    for (const server of servers.splice(0)) await server.stop();
  });
  const kept = async <S extends Served>(started: Promise<S>): Promise<S> => {
    const server = await started;
    servers.push(server);
    return server;
  };
  const words = (args: string) => args.split(" ").filter((word) => word !== "");
  return Object.assign(place, {
    serve: (args = "", env: Env = {}, clock?: Clock) => kept(Served.start(place.root.path, words(args), env, clock)),
    serveBuilt: (args = "", env: Env = {}) => kept(Served.startBuilt(place.root.path, words(args), env)),
  });
}
