import { beforeEach } from "vitest";

/** Tests that don't apply to a kind of Redis, by a part of their full name, with the reason. */
const SKIPS: Readonly<Record<string, readonly (readonly [RegExp, string])[]>> = {
  acl: [[/every command works on the keys behind it/, "the user of docs/deployments.md has rights to tts:* alone"]],
  cluster: [
    [/list --limit > goes on from the file/, "a proxy is bypassed: nodes announce their own ports"],
    [/doctor asks for the rights to the keys behind it/, "the test sets the rights on one node"],
  ],
  api_ms: [
    [/every command works on the keys behind it/, "it chooses the layouts itself"],
    [/shows both copies unchanged/, "one field alone says nothing there: the payload does"],
    [/lists orphans without --yes/, "a directory with a space in its name has no owner there"],
    [/prints the documented object, of all and of one user/, "it looks at microseconds"],
  ],
};

beforeEach(({ task, skip }) => {
  const kind = process.env.TTSCTL_DEPLOYMENT ?? "single";
  const skips = kind.split("-").flatMap((part) => SKIPS[part] ?? []); // "cluster-api_ms" is both
  const reason = skips.find(([name]) => name.test(task.fullTestName))?.[1];
  if (reason !== undefined) skip(reason);
});
