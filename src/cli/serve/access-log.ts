import type { Observed } from "../../http/observed.ts";
import type { Context } from "../context.ts";

/** A line for each request, with -v, or in a JSON log. */
export function accessLog({ terminal: { err }, flags }: Context): (request: Observed) => void {
  if (flags.verbose === 0 && !err.isJson) return () => {};
  return (request) => {
    const { method, url, status, bytes, remote, finished } = request;
    const ms = Math.round(request.seconds * 1000);
    const msg = `${remote} ${method} ${url} ${status}, ${bytes} bytes in ${ms} ms${finished ? "" : ", broken off"}`;
    void err.sayWhen({
      level: "info",
      msg,
      fields: { event: "request", remote, method, url, status, bytes, ms, finished },
    });
  };
}
