import { afterEach } from "vitest";
import { type Place, usePlace } from "../e2e/setup.ts";
import { Running } from "../helpers/ttsctl.ts";

/** The built binary serving in a root, and requests to it. */
export class Served {
  readonly run: Running;
  readonly url: string;

  private constructor(run: Running, url: string) {
    this.run = run;
    this.url = url;
  }

  static async start(cwd: string, args: readonly string[], env: Record<string, string> = {}): Promise<Served> {
    const port = args.includes("--port") ? [] : ["--port", "0"];
    const run = new Running(["serve", ...port, ...args], { cwd, env });
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
    return this.fetch(path, {
      method: "POST",
      body: text,
      headers: { "content-type": "application/json", ...headers },
    });
  }

  async json(path: string, options?: RequestInit): Promise<unknown> {
    return (await this.fetch(path, options)).json();
  }

  async stop(): Promise<void> {
    this.run.kill("SIGTERM");
    await this.run.end();
  }
}

/** A root with its Redis as for other commands, and servers that end with the test. */
export function useServer(): Place & { serve(args?: string, env?: Record<string, string>): Promise<Served> } {
  const place = usePlace();
  const servers: Served[] = [];
  afterEach(async () => {
    for (const server of servers.splice(0)) await server.stop();
  });
  const serve = async (args = "", env = {}) => {
    const words = args.split(" ").filter((word) => word !== "");
    const server = await Served.start(place.root.path, words, env);
    servers.push(server);
    return server;
  };
  return Object.assign(place, { serve });
}
