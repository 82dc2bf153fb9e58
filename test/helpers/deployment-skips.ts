import { beforeEach } from "vitest";

/** Tests that make no sense on a kind of Redis, by a part of their full name, with the reason. */
const SKIPS: Readonly<Record<string, readonly (readonly [RegExp, string])[]>> = {
  cluster: [
    [/a Redis > .*(wrong database|read-only replica|out of memory)/, "a server of its own that is no cluster"],
    [/a password is never printed > (by anything|is used)/, "a server of its own that is no cluster"],
    [/configuration > that is not there, for commands/, "the variables name one node, and nothing says cluster"],
    [/config > lets a url replace all parts/, "no cluster has a db of the url's"],
    [/the log of the ping/, "it has a name of its own in the log"],
    [
      /an outage > goes from Redis to the file and back/,
      "a server of its own that is no cluster; test/cluster/failover",
    ],
    [/an outage > (in which Redis hangs|midway)/, "a proxy is passed by, for the nodes tell their own ports"],
    [/list --limit > goes on from the file/, "a proxy is passed by, for the nodes tell their own ports"],
    [/mark > killed between file and Redis/, "a proxy is passed by; test/cluster/crash kills between all steps"],
  ],
};

beforeEach(({ task, skip }) => {
  const skips = SKIPS[process.env.TTSCTL_DEPLOYMENT ?? "single"] ?? [];
  const reason = skips.find(([name]) => name.test(task.fullTestName))?.[1];
  if (reason !== undefined) skip(reason);
});
