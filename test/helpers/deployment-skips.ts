import { beforeEach } from "vitest";

/** Tests that don't apply to a kind of Redis, by a part of their full name, with the reason. */
const SKIPS: Readonly<Record<string, readonly (readonly [RegExp, string])[]>> = {
  acl: [[/every command works on the keys behind it/, "the user of docs/deployments.md has rights to tts:* alone"]],
  cluster: [
    [/a Redis > .*(wrong database|read-only replica|out of memory)/, "its own server is not a cluster"],
    [/a password is never printed > (by anything|is used)/, "its own server is not a cluster"],
    [/configuration > that is not there, for commands/, "the variables name one node, and nothing says cluster"],
    [/config > lets a url replace all parts/, "no cluster has a db of the url's"],
    [/an outage > goes from Redis to the file and back/, "its own server is not a cluster; test/cluster/failover"],
    [/an outage > (in which Redis hangs|midway)/, "a proxy is bypassed: nodes announce their own ports"],
    [/list --limit > goes on from the file/, "a proxy is bypassed: nodes announce their own ports"],
    [/list --watch on a terminal > reports that Redis is down/, "its own server is not a cluster"],
    [/a list that Redis can't answer > says what to do about the database/, "no cluster has another db"],
    [/doctor asks for the rights to the keys behind it/, "the test sets the rights on one node"],
    [/mark > killed between file and Redis/, "a proxy is passed by; test/cluster/crash kills between all steps"],
  ],
  api_ms: [
    [/that is not there, for commands that remove things/, "the layout is in the config.ini that is not there"],
    [/sees in Redis that the task is finished, or gone/, "one field alone says nothing there: the payload does"],
    [/every command works on the keys behind it/, "it chooses the layouts itself"],
    [/the screen of > delete -u/, "its tasks' times tie in whole seconds"],
    [/a name of a hash that isn't UTF-8/, "ids are quoted there, so such a key is no task's"],
    [/shows both copies unchanged/, "one field alone says nothing there: the payload does"],
    [/has the purged tasks as events/, "every id has a plain name there"],
    [/survives hostile ids, errors and words/, "it looks at a key by its ids, which are quoted there"],
    [/lists orphans without --yes/, "a directory with a space in its name has no owner there"],
    [/prints the documented object, of all and of one user/, "it looks at microseconds"],
    [/stats.*falls back as lists do/, "a colon in a user id is valid there"],
    [
      /times of the service cannot be in our zone|zone that cannot be the service's/,
      "there are no naive times in Redis",
    ],
  ],
};

beforeEach(({ task, skip }) => {
  const kind = process.env.TTSCTL_DEPLOYMENT ?? "single";
  const skips = kind.split("-").flatMap((part) => SKIPS[part] ?? []); // "cluster-api_ms" is both
  const reason = skips.find(([name]) => name.test(task.fullTestName))?.[1];
  if (reason !== undefined) skip(reason);
});
